"""Commands that end in a command line for a node: `ferryman run NODE... -- uname -a`."""

from typing import Any

from ferryman.cli.program.commands import Command

SEPARATOR = "--"
_KEY = "ferryman.command_line"


class EndsInCommandLine(Command):
    """Hides everything after the first `--` from the parser, for `command_line`."""

    takes_command_line = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments before the separator."""
        own = list(args)
        if SEPARATOR in own:
            place = own.index(SEPARATOR)
            ctx.meta[_KEY] = own[place + 1 :]
            own = own[:place]
        return super().parse_args(ctx, own)


def command_line(context: Any) -> list[str]:
    """Return the words after `--`, empty without it."""
    return list(context.meta.get(_KEY, []))
