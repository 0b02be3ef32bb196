"""The web console, over the same use cases as the API."""
