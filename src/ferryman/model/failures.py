"""What a person is told when a command, or a call of the Python API, cannot go on."""

from ferryman.model.printable import one_line


class Failure(Exception):
    """It cannot go on. Commands show it as one line with exit status 1, and no traceback without `--debug`.

    `what` failed, its likely `cause`, and what to do `next_step`: sentences without a final full stop, never a secret.
    """

    def __init__(self, what: str, cause: str = "", next_step: str = "") -> None:
        self.what = what
        self.cause = cause
        self.next_step = next_step
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message on one line, printable: causes are often foreign text."""
        sentence = f"{self.what}: {self.cause}" if self.cause else self.what
        text = f"{sentence}. {self.next_step}." if self.next_step else f"{sentence}."
        return one_line(text)
