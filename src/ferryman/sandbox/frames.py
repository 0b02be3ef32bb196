"""Messages between the server and its sandbox: a length, then as many bytes of JSON."""

import struct

LENGTH = struct.Struct("!I")
FAILED = 0xFFFFFFFF
"""In place of a result's length: the task failed because of a bug in Ferryman. A length and a traceback follow."""
