"""Why a policy document is refused, as the answer the caller gets."""

from ferryman.model.errors import ServiceError

_SHOWN = 64


class MalformedPolicyDocument(ServiceError):
    """The document breaks a rule of the language: `path` is where (`Statement[0].Action`), `rule` is what is wrong."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__("MalformedPolicyDocument", f"The policy is malformed at {path or 'its top'}: {rule}.")
        self.path = path
        self.rule = rule

    def under(self, parent: str) -> "MalformedPolicyDocument":
        """Return the same error seen from the element that holds this one."""
        if not self.path:
            return MalformedPolicyDocument(parent, self.rule)
        between = "" if self.path.startswith("[") else "."
        return MalformedPolicyDocument(f"{parent}{between}{self.path}", self.rule)


class PolicyTooLarge(ServiceError):
    """The document has more characters, without white space, than its kind may have."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            "LimitExceeded",
            f"The policy has {size} characters without white space; its kind may have {limit}. Shorten or split it.",
            status=409,
        )
        self.size = size
        self.limit = limit


def step(name: str) -> str:
    """Return a name that a document gives as a step of a path: cut at 64 characters, quoted if not all print."""
    return name if name.isprintable() and len(name) <= _SHOWN else shown(name)


def shown(value: object) -> str:
    """Return a value as an error message shows it: its repr, cut at 64 characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
