"""The patterns of the built-in documents' parameters.

Python's `re` reads them as RE2 does and is never slow with them, so a server without RE2 has these documents, too.
"""

_PORT_TAIL = r"[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"
PORT = rf"^([1-9]|{_PORT_TAIL}"
PORT_OR_ZERO = rf"^([0-9]|{_PORT_TAIL}"
HOST = r"^[A-Za-z0-9:\[][A-Za-z0-9._:%\]-]{0,254}$"
SOCKET = r"^.{1,107}$"
SEPARATOR = r"^[0-9a-zA-Z\r\n_:-]{0,30}$"

BUILTIN_PATTERNS = frozenset({PORT, PORT_OR_ZERO, HOST, SOCKET, SEPARATOR})
