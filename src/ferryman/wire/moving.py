"""How a server that is about to stop has an end of a session prepare its next connection.

It sends a ping with this payload. The end opens a connection to another server, up to its opening frame, and answers
the ping when that connection is ready, or cannot be made. Then the server closes the channel, and the end continues on
the new one. Peers that know nothing of it answer immediately, as they answer every ping (RFC 6455 §5.5.2).
"""

MOVE_PING = b"move"
