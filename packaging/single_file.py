"""Builds a program as one file that needs no Python: PyInstaller's directory in a script that unpacks it.

PyInstaller's own one-file mode unpacks to /tmp at every start; this unpacks once.
"""

import argparse
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY_VERSION = re.compile(r"\bGLIBC_(\d+(?:\.\d+)+)\b")
ELF = b"\x7fELF"
TITLES = {
    "agent": "Ferryman's agent in one file.",
    "client": "Ferryman's client in one file; linked as session-manager-plugin, it is the AWS CLI's plugin.",
}
COLLECTED = {
    "agent": ("ferryman.agent",),
    "client": ("ferryman.client", "ferryman.cli"),
}
TOOLS = ("_distutils_hack", "distutils", "multiprocessing", "pydoc", "setuptools", "sqlite3", "unittest", "xmlrpc")
EXCLUDED = {
    "agent": (
        *("backports", "botocore", "click", "colorama", "packaging", "pydantic", "pydantic_core", "readline"),
        *("rich", "structlog", "trove_classifiers", "typer", "uvloop", "yaml"),
        *TOOLS,
    ),
    "client": ("alembic", "cedarpy", "cryptography", "re2", "sqlalchemy", "structlog", *TOOLS),
}
"""What the other extras bring, where they are installed beside this one, and what neither program uses. The fewer
modules PyInstaller has to look at, the sooner it is done."""
NAMED_IN_TEXT = ("ferryman.cli.operate.agent", "ferryman.cli.operate.agent_process")
"""Modules that PyInstaller may not see imported."""
AWS_MODELS = {"ssm", "sts", "sso", "sso-oidc", "signin"}
"""What the client calls, and what botocore's credential providers call; the others are 25 MB."""
REPLACEABLE = ("frozenlist/_frozenlist.*.so", "libstdc++.so.*")
"""The only use of the C++ library, which is the one of the build machine and would raise the glibc that is needed:
frozenlist does the same in Python."""


COMPRESSION = 6
"""Level 9 takes three times as long for half a percent."""


def build(extra: str, destination: Path, work: Path, packages: Path | None = None) -> None:
    """Build `destination` by the Python that runs this, from its own packages or those installed in a directory."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")
    tree = freeze(extra, work, packages)
    archive = packed(tree)
    script = (HERE / "single_file.sh").read_text()
    facts = {
        "TITLE": TITLES[extra],
        "GLIBC": needed_glibc(tree),
        "CONTENT": f"{extra}-{hashlib.sha256(archive).hexdigest()[:20]}",
        "FIRST_LINE": str(script.count("\n") + 1),
    }
    for name, value in facts.items():
        script = script.replace(f"@{name}@", value)
    destination.write_bytes(script.encode() + archive)
    destination.chmod(0o755)


def freeze(extra: str, work: Path, packages: Path | None) -> Path:
    """Return PyInstaller's directory with the program and everything that it needs except the C library."""
    shutil.rmtree(work, ignore_errors=True)
    arguments = ["--noconfirm", "--log-level=ERROR", "--onedir", "--strip", "--name=ferryman"]
    arguments += [f"--distpath={work}", f"--workpath={work / 'work'}", f"--specpath={work}"]
    arguments += [f"--collect-submodules={name}" for name in COLLECTED[extra]]
    arguments.append("--collect-data=ferryman.installation")  # the templates of units
    arguments += [f"--hidden-import={name}" for name in NAMED_IN_TEXT]
    arguments += [f"--exclude-module={name}" for name in EXCLUDED[extra]]
    search = {} if packages is None else {"PYTHONPATH": str(packages)}
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", *arguments, str(HERE / "launch.py")],
        # PyInstaller imports what it collects. A fixed seed makes the order of sets, and so the files, the same.
        env=os.environ | {"PYTHONHASHSEED": "1"} | search,
        check=True,
    )
    tree = work / "ferryman"
    for model in tree.glob("_internal/botocore/data/*/"):
        if model.name not in AWS_MODELS:
            shutil.rmtree(model)
    for pattern in REPLACEABLE:
        for path in tree.glob(f"_internal/{pattern}"):
            path.unlink()
    return tree


def packed(tree: Path) -> bytes:
    """Return a directory as the bytes of a .tar.gz, the same for the same files."""
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    packed_bytes = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed_bytes, mode="wb", compresslevel=COMPRESSION, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(tree.rglob("*")):
            member = archive.gettarinfo(path, str(path.relative_to(tree)))
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = time
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            with path.open("rb") if member.isfile() else io.BytesIO() as content:
                archive.addfile(member, content)
    return packed_bytes.getvalue()


def needed_glibc(tree: Path) -> str:
    """Return the newest version of glibc that a program or library of the directory was linked with."""
    binaries = [path for path in sorted(tree.rglob("*")) if path.is_file() and path.read_bytes()[:4] == ELF]
    symbols = subprocess.run(
        ["objdump", "--private-headers", *map(str, binaries)], check=True, capture_output=True, text=True
    )
    versions = {tuple(map(int, each.split("."))) for each in LIBRARY_VERSION.findall(symbols.stdout)}
    return ".".join(map(str, max(versions)))


def main() -> None:
    """Build one file: `single_file.py agent FILE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("extra", choices=sorted(TITLES))
    parser.add_argument("destination", type=Path)
    parser.add_argument("--packages", type=Path, help="where the packages are, if not in this Python's environment")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        build(given.extra, given.destination, Path(work), given.packages)


if __name__ == "__main__":
    main()
