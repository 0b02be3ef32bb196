"""A limit on the work of one policy evaluation: counted, not timed, so that every server decides alike."""

from ferryman.model.errors import ServiceError

EVALUATION_LIMIT = 100_000
"""Units of one evaluation, each about 0.1 µs: 10 ms. Ten managed policies of full size take about a tenth."""
EXPLANATION_LIMIT = 2 * EVALUATION_LIMIT
"""Units of an explanation, which looks at every statement."""
PER_STATEMENT = 4
PER_CONDITION = 4
"""A condition, and each value that it is asked about."""
PER_VALUE = 1
"""A number or an address range of a policy, compared with one of a request."""
PER_VARIABLE = 20
"""A part of a value with variables, filled in."""
PER_PATTERN = 2
"""A pattern of text, compared with one value."""
PER_SEGMENT = 3
"""The text between two `*` of a pattern."""
PER_PLACE = 12
"""A place where a segment with `?` may begin."""
PER_COMPILED = 20
"""A character of a segment with `?` that is made an expression."""
CHARACTERS = 64
"""Characters of a value that are looked through for one unit."""


class EvaluationTooLarge(ServiceError):
    """The evaluation exceeds its limit. The request is denied, because a Deny may be in what was not evaluated."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            "AccessDeniedException",
            f"The request is denied because evaluating its policies takes more than {limit} units of work: too many "
            "patterns for too many or too long values. Send fewer values, or use policies with fewer wildcards.",
        )
        self.limit = limit


class Work:
    """The rest of an evaluation's limit."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int = EVALUATION_LIMIT) -> None:
        self.limit = limit
        self.left = limit

    @property
    def spent(self) -> int:
        """Units spent so far."""
        return self.limit - self.left

    def spend(self, units: int) -> None:
        """Spend units, before the work is done. Raises EvaluationTooLarge if too few are left."""
        self.left -= units
        if self.left < 0:
            raise EvaluationTooLarge(self.limit)
