"""Where statements stand."""

import json

import pytest

from ferryman.policy.offsets import Position, statement_positions

STATEMENT = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*", "Sid": "a"}
DOCUMENTS = [
    {"Version": "2012-10-17", "Statement": [STATEMENT, STATEMENT]},
    {"Statement": STATEMENT, "Version": "2012-10-17"},
    {"Version": "2012-10-17", "Statement": [STATEMENT | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}]},
]


def cut(text: str, begin: Position, end: Position) -> str:
    lines = text.split("\n")[begin.line - 1 : end.line]
    lines[-1] = lines[-1][: end.column]
    lines[0] = lines[0][begin.column - 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_statement_is_what_stands_between_its_positions(
    document: dict[str, object], indent: int | str | None
) -> None:
    text = "\n " + json.dumps(document, indent=indent).replace("[{", "[ {") + "\n"
    given = document["Statement"]
    expected = given if isinstance(given, list) else [given]
    assert [json.loads(cut(text, *each)) for each in statement_positions(text)] == expected


def test_lines_and_columns_count_from_1() -> None:
    (span,) = statement_positions('{\n  "Statement": {\n  }\n}')
    assert span == (Position(2, 16), Position(3, 3))
