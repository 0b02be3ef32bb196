"""Recordings on the client: reading them over the API, writing them as files, and playing them in a terminal."""
