"""The one error that crosses rooms as an answer to a caller."""


class ServiceError(Exception):
    """An answer that refuses a call: an AWS error code, a message for people, an HTTP status.

    Raised by use cases and by validation; serialised in one place, `awsapi`. `message` says what failed and,
    where it helps, what to do next; it never holds a secret.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
