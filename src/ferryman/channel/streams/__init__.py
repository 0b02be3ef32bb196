"""One direction of a session's stream: numbering, windows, acknowledgements and resending."""
