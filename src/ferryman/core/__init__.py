"""Use cases named after API actions, and the ports they need. Async; knows no I/O library."""
