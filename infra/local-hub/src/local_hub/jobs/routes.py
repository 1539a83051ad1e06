"""Routes of the Jobs API."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub.jobs.runner import JobRunner


async def report_health(request: Request) -> Response:
    """What `local-hub start` and `status` ask; no part of the Hub's API."""
    runner: JobRunner = request.app.state.runner
    return JSONResponse(
        {
            "instance": request.app.state.config.instance,
            "stopping": runner.is_stopping,
            "jobs_running": runner.running,
            "jobs_waiting": runner.waiting,
        }
    )


job_routes: list[Route] = [Route("/healthz", report_health)]
