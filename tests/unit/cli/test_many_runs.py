from ferryman.cli.many_runs import LONGEST_LINE, Lines


def test_lines_come_when_they_are_complete() -> None:
    lines = Lines()
    assert lines.push(b"a") == []
    assert lines.push(b"b\nc\r\n\nd") == ["ab", "c", ""]
    assert lines.end() == ["d"]
    assert lines.end() == []


def test_a_character_may_come_in_pieces() -> None:
    lines = Lines()
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert lines.push(first) == []
    assert lines.push(second + b"\n\xff\n") == ["é", "\ufffd"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = Lines()
    assert [len(line) for line in lines.push(b"x" * (2 * LONGEST_LINE + 1))] == [LONGEST_LINE, LONGEST_LINE]
    assert lines.end() == ["x"]
