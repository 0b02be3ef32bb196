"""The entry point of the `session-manager-plugin` command."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plugin with `arguments`, by default the process's; return its exit status, 1 if the client is missing."""
    if find_spec("botocore") is None:
        from ferryman.cli.extras import not_installed
        from ferryman.cli.output.printing import print_error

        print_error(f"session-manager-plugin: {not_installed('client', 'botocore').line}")
        return 1
    from ferryman.client.plugin.main import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
