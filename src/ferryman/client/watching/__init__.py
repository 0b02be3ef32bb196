"""Watching a session live: the stream of events, over as many connections as it takes. Knows no terminal."""
