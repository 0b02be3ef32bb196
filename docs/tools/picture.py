"""Makes a picture of a real session: `picture.py FERRYMAN FILE.svg`.

Starts `ferryman demo`, types commands into a shell on a terminal of its own, and draws what a terminal emulator then
shows. Ids and times are what this run had.
"""

import os
import re
import sys
from html import escape
from pathlib import Path

import pexpect
import pyte

COLUMNS, ROWS = 116, 22
WIDTH, HEIGHT, LEFT, TOP = 8.43, 19, 16, 52
PROMPT = "laptop$ "
TYPED = (
    ("ferryman nodes --status Online", 0),
    ("ferryman run demo -- uname -sm", 0),
    ("ferryman shell demo", 1),
    ("aws ssm describe-sessions --state History --query 'Sessions[0].[SessionId,Status]' --output text", 0),
)
_INNER_PROMPT = r"[#$] (?:\x1b\[K)?$"
INSIDE = "echo on node: $(id -un), $(tty)"
COLOURS = {"default": "#d6deeb", "red": "#ef5350", "green": "#22da6e", "brown": "#ffd166", "blue": "#82aaff"}


def main(ferryman: str, target: Path) -> None:
    """Make the picture."""
    directory = Path(ferryman).absolute().parent
    quiet = {"PS1": PROMPT, "TERM": "xterm-256color", "PATH": f"{directory}:{os.environ['PATH']}", "AWS_PAGER": ""}
    demo = pexpect.spawn(
        str(Path(ferryman).absolute()),
        ["demo"],
        env={**os.environ, **quiet, "SHELL": "/bin/sh"},
        timeout=120,
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
    )
    demo.expect_exact(PROMPT)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    stream.feed(PROMPT)
    for command, inside in TYPED:
        demo.sendline(command)
        if inside:
            demo.expect(_INNER_PROMPT)
            stream.feed(demo.before + demo.after)
            demo.sendline(INSIDE)
            demo.expect(_INNER_PROMPT)
            stream.feed(demo.before + demo.after)
            demo.sendline("exit")
        demo.expect_exact(PROMPT)
        stream.feed(demo.before + demo.after)
    demo.sendline("exit")
    demo.expect(pexpect.EOF)
    target.write_text(drawn(screen))


def drawn(screen: pyte.Screen) -> str:
    """Return the screen as SVG, without anything from another file or host."""
    rows = [row for row in range(ROWS) if screen.display[row].strip()]
    height = TOP + (max(rows) + 1) * HEIGHT + LEFT
    width = round(COLUMNS * WIDTH + 2 * LEFT)
    lines = []
    for row in rows:
        spans, column = [], 0
        for text, colour, bold in runs(screen, row):
            if text.strip():
                x = LEFT + column * WIDTH
                weight = ' font-weight="bold"' if bold else ""
                spans.append(f'<tspan x="{x:.1f}" fill="{colour}"{weight}>{escape(text.rstrip())}</tspan>')
            column += len(text)
        lines.append(f'<text y="{TOP + row * HEIGHT}" xml:space="preserve">{"".join(spans)}</text>')
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        "<title>Ferryman's commands in a terminal</title>\n"
        f'<rect width="{width}" height="{height}" rx="10" fill="#0b1120"/>\n'
        '<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/>'
        '<circle cx="62" cy="20" r="6" fill="#28c840"/>\n'
        f'<g font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14">\n{body}\n</g>\n'
        "</svg>\n"
    )


def runs(screen: pyte.Screen, row: int) -> list[tuple[str, str, bool]]:
    """Return a row's text in pieces of one colour."""
    found: list[tuple[str, str, bool]] = []
    for column in range(COLUMNS):
        cell = screen.buffer[row][column]
        colour = COLOURS.get(cell.fg, f"#{cell.fg}" if re.fullmatch("[0-9a-f]{6}", cell.fg) else COLOURS["default"])
        if found and found[-1][1:] == (colour, cell.bold):
            found[-1] = (found[-1][0] + cell.data, colour, cell.bold)
        else:
            found.append((cell.data, colour, cell.bold))
    return found


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
