"""Programs run as if only some of Ferryman's extras were installed."""

import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE

SCRIPT = """
import sys
missing = set(sys.argv[1].split(","))
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in missing else find_spec(name, package)
sys.meta_path.insert(0, Missing())
sys.argv = ["ferryman", *sys.argv[2:]]
from ferryman.cli.main import main
main()
"""
OF_SERVER = "sqlalchemy,alembic"
OF_EXTRAS = f"{OF_SERVER},cryptography,structlog"
OF_CLIENT = f"{OF_SERVER},botocore,typer,rich,click,pydantic,uvloop"


def run(
    missing: str, *arguments: str, directory: Path | None = None, agent_state: Path = Path("/nowhere")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, missing, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=directory,
        env={
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
            "FERRYMAN_AGENT_STATE": str(agent_state),
        },
    )
