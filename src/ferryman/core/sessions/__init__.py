"""Sessions: the API actions on them, and their life from Connecting to Terminated.

Knows a session's document, deadlines and status. Does not know frames: the server's channels call `lifecycle` when ends
come and go.
"""
