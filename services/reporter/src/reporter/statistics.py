"""The statistics of a report, under the names that it has used so far."""

from shared.statistics.intervals import Interval, wilson_interval
from shared.statistics.paired import mcnemar_p, paired_interval

__all__ = ["Interval", "mcnemar_p", "paired_interval", "wilson_interval"]
