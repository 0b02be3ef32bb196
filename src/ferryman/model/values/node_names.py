"""Names of nodes: what can be one."""

import re

NODE_NAME_LENGTH = 128
_NODE_NAME = re.compile(rf"(?!m?i-[0-9a-f]+\Z)[A-Za-z0-9][A-Za-z0-9._-]{{0,{NODE_NAME_LENGTH - 1}}}")


def is_node_name(text: str) -> bool:
    """Whether a text can name a node wherever people type one: not an id, a tag, a path or an option."""
    return _NODE_NAME.fullmatch(text) is not None
