"""The formats of bytes: agent messages and their payloads, smux frames, tasks, SSH public keys. Bytes in, values out.

Knows no connection and no order of messages (that is `channel`), and does no I/O. Whatever a peer can send is either a
value or one of this room's errors.
"""
