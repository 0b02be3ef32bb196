"""Parameters that many operations have: tags and filters, from AWS's members to ours."""

from ferryman.model.errors import ServiceError
from ferryman.server.operations.context import Parameters


def requested_tags(parameters: Parameters, code: str = "InvalidInput") -> dict[str, str]:
    """Return the member Tags; raises ServiceError `code` if two keys are the same or differ only in case."""
    tags = {tag["Key"]: tag["Value"] for tag in parameters.get("Tags") or []}
    if len({key.casefold() for key in tags}) != len(parameters.get("Tags") or []):
        raise ServiceError(code, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags


def filters(
    parameters: Parameters, member: str, *, key: str = "Key", values: str = "Values"
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return a list of filters or targets as (name, values).

    `key` and `values` are what AWS's model calls the two members of each; a missing one is "" or no values.
    """
    return tuple((each.get(key) or "", tuple(each.get(values) or ())) for each in parameters.get(member) or ())
