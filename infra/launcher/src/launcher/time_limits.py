"""How long a job may run: what the profile says, or several times what it is expected to take at most.

A limit that is too short costs a restart from the newest checkpoint; one that is too long costs only where a job hangs.
"""

import math

from launcher.profiles import AUTO, LaunchTarget

# No estimate has been compared with a GPU of HF Jobs yet (docs/estimates.md).
MARGIN = 3.0
# Also for phases that run no model: pulling an image, or installing into one, takes longer than they do.
SHORTEST_MINUTES = 30
STEP_MINUTES = 10


def limit_for(target: LaunchTarget, at_most_seconds: float) -> LaunchTarget:
    """Return a launch target whose timeout is a number; one that was a number before stays as it is."""
    if target.timeout != AUTO:
        return target
    steps = math.ceil(MARGIN * at_most_seconds / 60 / STEP_MINUTES)
    return target.model_copy(update={"timeout": f"{max(SHORTEST_MINUTES, steps * STEP_MINUTES)}m"})
