"""WebSockets as the server holds them: frames in and out, backpressure, heartbeats."""
