"""The command `local-hub`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local_hub.addresses import is_loopback
from local_hub.command_line import CommandLine
from local_hub.config import EXECUTORS, HubConfig
from local_hub.daemon import ask_health, start
from local_hub.environment import client_environment, render_exports
from local_hub.errors import HubError
from local_hub.keeping.export import add_export
from local_hub.keeping.gc import add_gc
from local_hub.keeping.importing import add_import
from local_hub.keeping.limits import add_limit_options
from local_hub.keeping.verify import add_verify
from local_hub.release import own_version
from local_hub.state import find_running
from local_hub.upstream.address import TOKEN_VARIABLE, add_upstream_options, read_address
from local_hub.upstream.pull import add_pull
from local_hub.web.link import add_web

WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - these are what is refused
EXIT_FAILED = 2
EXIT_NOT_RUNNING = 3
EXIT_NO_COMMAND = 127
EXIT_UNREAD = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    own, command = _split_at_dashes(list(sys.argv[1:] if arguments is None else arguments))
    parser = _parser()
    options, unknown = parser.parse_known_args(own)
    if unknown:
        hint = "; write -- before the command to run" if options.action is _exec else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    options.command = command
    action: Callable[[argparse.Namespace], int] = options.action
    try:
        code = action(options)
        sys.stdout.flush()
    except HubError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    return code


def _serve(options: argparse.Namespace) -> int:
    from local_hub.server import serve  # the other commands are quick because they do without a web server

    config = _config(options)
    os.environ.pop(TOKEN_VARIABLE, None)  # no child of this process inherits it
    serve(config)
    return 0


def _start(options: argparse.Namespace) -> int:
    hub = start(_config(options))
    print(hub.url)
    if options.port and not hub.url.endswith(f":{options.port}"):
        print(f"It runs already; to move it to port {options.port}, stop it first.", file=sys.stderr)
    return 0


def _stop(options: argparse.Namespace) -> int:
    from local_hub.stopping import stop  # which needs what runs jobs

    hub = stop(options.dir)
    print(f"Stopped the hub at {hub.url}." if hub else f"No hub serves {options.dir}.", file=sys.stderr)
    return 0


def _status(options: argparse.Namespace) -> int:
    hub = find_running(options.dir)
    if hub is None:
        print(f"not running: no hub serves {options.dir}")
        return EXIT_NOT_RUNNING
    health = ask_health(hub)
    jobs = (
        f"{health['jobs_running']} running, {health['jobs_waiting']} waiting"
        if health
        else "it does not answer"
    )
    where = " in containers" if hub.executor == "docker" else ""
    print(f"running\nurl     {hub.url}\npid     {hub.pid}\nfolder  {options.dir}\njobs    {jobs}{where}")
    if hub.upstream:
        print(f"from    {hub.upstream}, what is not here")
    return 0


def _env(options: argparse.Namespace) -> int:
    hub = start(_config(options))
    print(render_exports(hub, options.dir, os.environ))
    return 0


def _exec(options: argparse.Namespace) -> int:
    if not options.command:
        raise HubError("Name a command after --: local-hub exec --dir .hub -- hf repos ls")
    hub = start(_config(options))
    environment = client_environment(hub, options.dir, os.environ)
    try:
        os.execvpe(options.command[0], options.command, environment)  # noqa: S606 - the user's own command
    except OSError as error:
        print(f"error: cannot run {options.command[0]}: {error.strerror}", file=sys.stderr)
        return EXIT_NO_COMMAND


def _config(options: argparse.Namespace) -> HubConfig:
    if options.host in WILDCARDS:
        raise HubError(
            f"--host {options.host!r} is no address that clients could use; name the one by which they reach it."
        )
    if not is_loopback(options.host) and not options.reachable_by_others:
        raise HubError(
            f"--host {options.host} lets others reach this hub, which runs any command for whoever has its token. "
            "If that is meant, add --reachable-by-others."
        )
    return HubConfig(
        options.dir,
        options.host,
        options.port,
        options.job_slots,
        users=options.users,
        executor=options.executor,
        docker_network=options.docker_network,
        quota_bytes=options.quota,
        keep_free_bytes=options.keep_free,
        upstream=read_address(options.upstream, options.upstream_token_file, os.environ),
    )


def _parser() -> CommandLine:
    parser = CommandLine("local-hub", description="The Hugging Face Hub and Jobs APIs on one machine.")
    parser.add_argument("--version", action="version", version=f"local-hub {own_version()}")
    commands = parser.add_subparsers(required=True, metavar="command")
    serving = _serving_options()
    place = _place_option()
    for name, action, parent, text in (
        ("serve", _serve, serving, "run the hub in the foreground"),
        ("start", _start, serving, "run the hub in the background, unless it runs, and print its URL"),
        ("stop", _stop, place, "stop the hub and its jobs"),
        ("status", _status, place, "tell whether the hub runs, and where (exit code 3: it does not)"),
        ("env", _env, serving, "start the hub and print the exports that point clients at it"),
        ("exec", _exec, serving, "start the hub and run a command as its client: exec ... -- hf repos ls"),
    ):
        command = commands.add_parser(name, parents=[parent], help=text, description=text)
        command.set_defaults(action=action)
    add_verify(commands, place)
    add_web(commands, place)
    add_pull(commands, serving, _config)
    add_gc(commands, place)
    add_export(commands, place)
    add_import(commands, place)
    return parser


def _place_option() -> CommandLine:
    options = CommandLine(add_help=False)
    options.add_argument(
        "--dir", type=lambda text: Path(text).absolute(), required=True, help="the hub's folder"
    )
    return options


def _serving_options() -> CommandLine:
    options = CommandLine(add_help=False, parents=[_place_option()])
    options.add_argument(
        "--port", type=_port, default=0, metavar="N", help="default: the last one, or a free one"
    )
    options.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
    options.add_argument(
        "--job-slots", type=_positive, default=2, metavar="N", help="how many jobs run at once (default 2)"
    )
    options.add_argument(
        "--users", type=lambda text: Path(text).absolute(), metavar="FILE", help="further users (TOML)"
    )
    options.add_argument(
        "--executor", choices=EXECUTORS, help="how jobs run (default: process, or as the running hub does)"
    )
    options.add_argument(
        "--docker-network",
        default="host",
        metavar="NAME",
        help="the network of jobs in containers (default host)",
    )
    add_limit_options(options)
    options.add_argument(
        "--reachable-by-others", action="store_true", help="allow a --host beyond this machine"
    )
    add_upstream_options(options)
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; use 1 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return int(text)


def _split_at_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What comes before and after the first `--`, which argparse would not leave alone."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]
