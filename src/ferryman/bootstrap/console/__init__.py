"""The web console's settings, and what they name."""
