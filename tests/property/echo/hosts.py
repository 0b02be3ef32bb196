"""Programs on a simulated node's terminal: a line editor, the kernel's own echo, and one that writes anything."""

from random import Random

PROMPT = b"\x1b[32mann\x1b[0m$ "
HISTORY = ["make test", "ls"]
FLOOD = b"".join(b"%d bottles\r\n" % number for number in range(3000))


class LineEditor:
    """A shell with a line editor as readline is: inserting, history, completion, and programs that do not echo."""

    def __init__(self, columns: int, prompt: bytes = PROMPT, width: int = 5) -> None:
        self._columns = columns
        self._prompt = prompt
        self._width = width
        self._line = ""
        self._at = 0
        self._mode = self._edit
        self._sequence = b""
        self._recalled = 0

    def start(self) -> bytes:
        return b"Welcome\r\n" + self._prompt

    def resize(self, columns: int) -> bytes:
        self._columns = columns
        return self._redraw() if self._mode == self._edit else b""

    def type(self, data: bytes) -> bytes:
        return b"".join(self._mode(bytes([byte])) for byte in data)

    def _edit(self, key: bytes) -> bytes:
        if self._sequence:
            self._sequence += key
            if key.isalpha():
                sequence, self._sequence = self._sequence, b""
                return self._moved(sequence[-1:])
            return b""
        match key:
            case b"\x1b":
                self._sequence = key
                return b""
            case b"\r":
                return self._enter()
            case b"\x7f":
                return self._erased()
            case b"\t":
                return self._inserted("-all ")
            case b"\x01":
                return self._to(0)
            case b"\x03":
                self._line, self._at = "", 0
                return b"^C\r\n" + self._prompt
            case _ if key.isascii() and key.decode().isprintable():
                return self._inserted(key.decode())
        return b"\a"

    def _inserted(self, text: str) -> bytes:
        if self._width + len(self._line) + len(text) >= self._columns:
            return b"\a"
        rest = self._line[self._at :]
        self._line = self._line[: self._at] + text + rest
        self._at += len(text)
        return (text + rest).encode() + b"\b" * len(rest)

    def _erased(self) -> bytes:
        if not self._at:
            return b"\a"
        rest = self._line[self._at :]
        self._line = self._line[: self._at - 1] + rest
        self._at -= 1
        return b"\b" + (rest.encode() + b" " + b"\b" * (len(rest) + 1) if rest else b"\x1b[K")

    def _moved(self, key: bytes) -> bytes:
        match key:
            case b"D" if self._at:
                self._at -= 1
                return b"\b"
            case b"C" if self._at < len(self._line):
                self._at += 1
                return b"\x1b[C"
            case b"A":
                self._line = HISTORY[self._recalled % len(HISTORY)]
                self._recalled += 1
                self._at = len(self._line)
                return self._redraw()
        return b"\a"

    def _to(self, at: int) -> bytes:
        self._at = at
        return b"\r\x1b[%dC" % (self._width + at)

    def _redraw(self) -> bytes:
        drawn = b"\r" + self._prompt + self._line.encode() + b"\x1b[K"
        return drawn + b"\b" * (len(self._line) - self._at)

    def _enter(self) -> bytes:
        command, self._line, self._at = self._line.strip(), "", 0
        match command[:1]:
            case "s":  # sudo
                self._mode = self._secret
                return b"\r\nPassword: "
            case "v":  # vi
                self._mode = self._full_screen
                return b"\r\n\x1b[?1049h\x1b[2J\x1b[H~\r\n~\x1b[1;1H"
            case "c":
                return b"\r\n\x1b[H\x1b[2J" + self._prompt
            case "y":
                return b"\r\n" + FLOOD + self._prompt
            case "p":  # printf
                return b"\r\nno line feed" + self._prompt
        return b"\r\n" + command.upper().encode() + b"\r\n" + self._prompt

    def _secret(self, key: bytes) -> bytes:
        if key not in (b"\r", b"\x03"):
            return b""
        self._mode = self._edit
        return b"\r\nSorry.\r\n" + self._prompt

    def _full_screen(self, key: bytes) -> bytes:
        if key == b"q":
            self._mode = self._edit
            return b"\x1b[?1049l" + self._prompt
        return b"\x1b[2;3H" + key + b"\x1b[1;1H" if key.isalnum() else b""


class KernelEcho:
    """A program that reads lines from a terminal in canonical mode."""

    def __init__(self) -> None:
        self._line = 0

    def start(self) -> bytes:
        return b"name? "

    def resize(self, columns: int) -> bytes:
        return b""

    def type(self, data: bytes) -> bytes:
        return b"".join(self._key(bytes([byte])) for byte in data)

    def _key(self, key: bytes) -> bytes:
        if key == b"\r":
            self._line = 0
            return b"\r\nname? "
        if key == b"\x7f":
            erased, self._line = self._line > 0, max(0, self._line - 1)
            return b"\b \b" if erased else b""
        if key < b" ":
            self._line += 2
            return b"^" + bytes([key[0] + 64])
        self._line += 1
        return key


class Anything:
    """A program that often echoes, and otherwise writes whatever a terminal understands."""

    PIECES = (
        b"\r",
        b"\n",
        b"\r\n",
        b"\b",
        b"\t",
        b"\a",
        b"word",
        b"x",
        b" ",
        b"  ",
        b"\xc3\xa5",
        b"\xe2\x9c\x93",
        b"\xe6\xbc\xa2",
        b"e\xcc\x81",
        b"\x1b[K",
        b"\x1b[1K",
        b"\x1b[2K",
        b"\x1b[J",
        b"\x1b[2J",
        b"\x1b[H",
        b"\x1b[3;4H",
        b"\x1b[A",
        b"\x1b[B",
        b"\x1b[C",
        b"\x1b[D",
        b"\x1b[3C",
        b"\x1b[5D",
        b"\x1b[8G",
        b"\x1b[2d",
        b"\x1b[E",
        b"\x1b[F",
        b"\x1b[X",
        b"\x1b[3X",
        b"\x1b[P",
        b"\x1b[2P",
        b"\x1b[@",
        b"\x1b[2@",
        b"\x1b[L",
        b"\x1b[M",
        b"\x1b[0m",
        b"\x1b[m",
        b"\x1b[1;31m",
        b"\x1b[44m",
        b"\x1b[4m",
        b"\x1b[24m",
        b"\x1b[39;49m",
        b"\x1b[38;5;9m",
        b"\x1b[7m",
        b"\x1b7",
        b"\x1b8",
        b"\x1bM",
        b"\x1bD",
        b"\x1bE",
        b"\x1b(0",
        b"\x1b(B",
        b"\x0e",
        b"\x0f",
        b"\x1b[2;4r",
        b"\x1b[r",
        b"\x1b[4h",
        b"\x1b[4l",
        b"\x1b[?1h",
        b"\x1b[?1l",
        b"\x1b[?7l",
        b"\x1b[?7h",
        b"\x1b[?25l",
        b"\x1b[?25h",
        b"\x1b[34h",
        b"\x1b[?1049h",
        b"\x1b[?1049l",
        b"\x1b[?2004h",
        b"\x1b]0;title\x07",
        b"\x1bH",
        b"\x1b]2;title\x1b\\",
        b"\x1b[g",
        b"\x1bc",
        b"a long line that wraps at the right margin",
        b"\xff",
    )

    def __init__(self, chance: Random, honesty: float) -> None:
        self._chance = chance
        self._honesty = honesty

    def start(self) -> bytes:
        return self._pieces() + b"\r\n$ "

    def resize(self, columns: int) -> bytes:
        return self._pieces()

    def type(self, data: bytes) -> bytes:
        if self._chance.random() < self._honesty:
            return data.replace(b"\r", b"\r\n$ ").replace(b"\x7f", b"\b \b")
        return self._pieces()

    def _pieces(self) -> bytes:
        return b"".join(self._chance.choices(self.PIECES, k=self._chance.randint(0, 4)))
