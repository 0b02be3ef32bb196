"""Watching sessions live: the server with a session's relay publishes what it shows, any server sends it to watchers.

`watched_session` is the relay's side, `watcher` the side of one who watches. Between them is only the bus.
"""
