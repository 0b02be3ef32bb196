"""Which functions of Ferryman read foreign bytes, by what they call, so that none is without a target."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "ferryman"
_READERS = frozenset(
    {
        "b64decode",
        "decode_payload",
        "decompress",
        "fromisoformat",
        "import_key",
        "ip_address",
        "ip_network",
        "load_der_public_key",
        "loads",
        "parse_qsl",
        "parsedate_to_datetime",
        "strptime",
        "unpack",
        "unpack_from",
        "unquote",
        "unquote_to_bytes",
        "urlsafe_b64decode",
        "urlsplit",
        "validate_policies",
    }
)
_OF_MODULES = frozenset({"json.decode", "jwt.decode", "msgpack.decode", "re2.compile", "toml.decode", "yaml.load"})


def readers() -> Iterator[str]:
    """Yield every function that calls a decoder, as `module.qualified name`."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        yield from (f"{module}.{name}" for name in _functions(ast.parse(path.read_text()), ""))


def _functions(node: ast.AST, scope: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{scope}{child.name}"
            if any(_reads(call) for call in _calls(child)):
                yield name
            yield from _functions(child, f"{name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{scope}{child.name}.")
        else:
            yield from _functions(child, scope)


def _calls(function: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of a function's own body."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls(child)


def _reads(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in _READERS
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    outer = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return function.attr in _READERS or f"{outer}.{function.attr}" in _OF_MODULES
