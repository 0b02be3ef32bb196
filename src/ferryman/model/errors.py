"""The errors that several packages share: answers to callers, documents that cannot be fetched, a failed store."""


class ServiceError(Exception):
    """The call is refused: an AWS error code, a message for people, an HTTP status.

    Raised by use cases and by validation; serialised in one place, `awsapi`. `message` says what failed and,
    where it helps, what to do next; it never holds a secret. `cause` is for administrators only: it is in the server's
    log and in the audit trail, and not in the answer.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, cause: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.cause = cause


class Unfetchable(Exception):
    """A document cannot be fetched, or is not valid; the text says why, without its content."""


class StoreUnavailable(Exception):
    """The store cannot be read or written at the moment; the text is the database's own.

    `state` is `full`, `locked`, `corrupted`, `read-only`, `gone` or `failed`.
    """

    def __init__(self, state: str, cause: str) -> None:
        super().__init__(f"the store is {state}: {cause}")
        self.state = state
