"""Routes of the Jobs API."""

from starlette.routing import Route

job_routes: list[Route] = []
