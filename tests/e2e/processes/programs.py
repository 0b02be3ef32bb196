"""The programs of this virtual environment: ours, and the stock AWS CLI."""

import sys
from pathlib import Path

PROGRAMS = Path(sys.executable).parent
FERRYMAN = str(PROGRAMS / "ferryman")
AWS = str(PROGRAMS / "aws")
PLUGIN = str(PROGRAMS / "session-manager-plugin")
