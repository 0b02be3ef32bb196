"""The person's choice of when guesses are shown."""

from enum import Enum


class Prediction(Enum):
    """When guesses are shown."""

    AUTO = "auto"
    """On slow paths."""
    ALWAYS = "always"
    NEVER = "never"
