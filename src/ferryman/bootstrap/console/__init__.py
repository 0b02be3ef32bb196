"""The web console's settings, and the providers that they name."""
