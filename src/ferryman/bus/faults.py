"""Why a bus cannot be used."""


class BusUnusable(Exception):
    """The bus cannot be reached: `place`, which has no secret, `cause`, and what to do about it, `next_step`, without
    a final full stop."""

    def __init__(self, place: str, cause: str, next_step: str) -> None:
        super().__init__(f"{place}: {cause}")
        self.place = place
        self.cause = cause
        self.next_step = next_step
