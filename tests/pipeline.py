"""Every phase of the profile `smoke`, as a user runs them. Import it as `pipeline`."""

from launching import Launcher

PHASES = ("sft", "grpo", "eval", "report")
# `make smoke`, which CI runs too, trains and asks as much as the profile says.
FEW_ANSWERS = {"SPLIT_EVAL_ROWS": "24", "EVAL_ROTATE_OPTIONS": "false"}


def run_all(launch: Launcher, *options: str, **environment: str) -> None:
    for phase in PHASES:
        result = launch(phase, "--profile", "smoke", *options, **environment)
        assert result.returncode == 0, result.stdout + result.stderr
