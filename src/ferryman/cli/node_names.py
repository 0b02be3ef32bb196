"""Names of nodes as people type them."""

from ferryman.model.failures import Failure
from ferryman.model.values.node_names import NODE_NAME_LENGTH, is_node_name


def check_node_name(name: str) -> None:
    """Raise Failure unless `name` can be a node's name."""
    if not is_node_name(name):
        raise Failure(
            f"{name!r} cannot be the name of a node",
            f"it must be at most {NODE_NAME_LENGTH} letters, digits, dots, dashes and underscores, begin with a letter "
            "or digit, and not look like a node's id",
        )
