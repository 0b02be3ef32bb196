"""Sessions whose two ends are on different servers.

One server has the session's relay: the first that an end reached. Another one that an end reaches carries its frames
there over the bus.
"""
