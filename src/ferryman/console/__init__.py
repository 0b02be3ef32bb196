"""The files of the web console, built from `console/` at the top of the repository by `make console`.

They are in `static/`, which git ignores and wheels contain. Without them a server works, and says so where the console
would be.
"""

from pathlib import Path

STATIC = Path(__file__).with_name("static")
"""Where the built files are: `index.html`, and what it loads, in `assets/`."""
