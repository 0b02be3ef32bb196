import io
import json

from ferryman.audit.sinks.stdout import StandardOutput


class Stream(io.BytesIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


LINE = json.dumps({"userAgent": "a\x9b2J\x7f\u202eb"}, ensure_ascii=False).encode() + b"\n"


def test_a_record_is_copied_byte_for_byte() -> None:
    stream = Stream(terminal=False)
    copy = StandardOutput(stream)
    copy.write([LINE, LINE])
    copy.close()
    assert stream.getvalue() == LINE + LINE


def test_a_record_does_not_steer_a_terminal() -> None:
    stream = Stream(terminal=True)
    copy = StandardOutput(stream)
    copy.write([LINE])
    copy.close()
    shown = stream.getvalue().decode()
    assert shown == '{"userAgent": "a\\u009b2J\\u007f\\u202eb"}\n'
    assert json.loads(shown) == json.loads(LINE)
