"""The person's choice."""

from enum import Enum


class Prediction(Enum):
    """When guesses are shown."""

    AUTO = "auto"
    """On slow paths."""
    ALWAYS = "always"
    NEVER = "never"
