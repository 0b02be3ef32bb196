"""The policies that the guide to just-in-time access shows are valid, and its filters are those that there are."""

import re
from pathlib import Path

from ferryman.core.access_requests.listing import FILTER_KEYS
from ferryman.core.documents.types import read_content, read_values
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DocumentFormat, DocumentType
from ferryman.policy.documents import PolicyKind
from ferryman.policy.parsing import parse_policy

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs/how-to/grant-access-just-in-time.md").read_text()
REFERENCE = (ROOT / "docs/reference/access-requests.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == language]


def test_the_guides_policies_are_valid() -> None:
    (people,) = blocks("yaml")
    value, _ = read_values(people, DocumentFormat.YAML, DocumentType.MANUAL_APPROVAL)
    read_content(value, "Production", DocumentType.MANUAL_APPROVAL)
    (cedar,) = [block for block in blocks("") if block.startswith("permit")]
    value, written = read_values(cedar, DocumentFormat.JSON, DocumentType.AUTO_APPROVAL)
    read_content(value, AUTO_APPROVAL_DOCUMENT, DocumentType.AUTO_APPROVAL)
    assert written is DocumentFormat.TEXT
    statements = blocks("json")
    assert len(statements) == 3
    for text in statements:
        parse_policy(text, PolicyKind.INLINE_USER)


def test_every_filter_of_access_requests_is_described() -> None:
    (described,) = re.findall(r"DescribeOpsItems filters by (.*?)\.\n\n", REFERENCE, re.DOTALL)
    assert set(re.findall(r"[A-Z]\w+", described)) - {"GreaterThan", "LessThan"} == set(FILTER_KEYS)
