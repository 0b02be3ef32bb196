"""Standard input and output on the event loop, by what the system offers."""

import sys

if sys.platform == "win32":
    from ferryman.client.plugin.tty.threaded_streams import ThreadedInput as Input
    from ferryman.client.plugin.tty.threaded_streams import ThreadedOutput as Output
else:
    from ferryman.client.plugin.tty.polled_streams import Input, Output

__all__ = ["Input", "Output"]
