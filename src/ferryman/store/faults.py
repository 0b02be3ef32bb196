"""The states in which a database cannot be used, shared by all kinds of database."""

FULL, LOCKED, CORRUPTED, READ_ONLY, GONE, FAILED = "full", "locked", "corrupted", "read-only", "gone", "failed"


class StoreUnusable(Exception):
    """The store cannot be opened: `place`, which has no password, `cause`, and what to do about it, `next_step`,
    without a final full stop."""

    def __init__(self, place: object, cause: str, next_step: str) -> None:
        super().__init__(f"{place}: {cause}")
        self.place = str(place)
        self.cause = cause
        self.next_step = next_step
