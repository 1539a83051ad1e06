"""What can be chosen, apart from what chooses: the settings must load without a model's libraries."""

from typing import Literal

Decoding = Literal["free", "constrained"]
DecodingChoice = Literal["free", "constrained", "both"]
