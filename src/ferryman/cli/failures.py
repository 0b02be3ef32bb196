"""What a command says when it cannot go on."""


class Failure(Exception):
    """A command cannot go on; shown as one line, exit status 1, no traceback without `--debug`.

    `what` failed, its likely `cause`, and what to do `next_step`: sentences without a final full stop, never a secret.
    """

    def __init__(self, what: str, cause: str = "", next_step: str = "") -> None:
        self.what = what
        self.cause = cause
        self.next_step = next_step
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message on one line."""
        sentence = f"{self.what}: {self.cause}" if self.cause else self.what
        text = f"{sentence}. {self.next_step}." if self.next_step else f"{sentence}."
        return " ".join(text.split())
