"""WebSocket channels: control channels of nodes, and data channels, which the relay joins in pairs.

Knows agent messages as far as a relay must: types, sequence numbers, acknowledgements, the handshake. Does not know
what users type or see, and never changes a frame. Upgrades and their authentication are `http.upgrades`.
"""
