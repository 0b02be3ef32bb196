"""`make dist`: builds what a release consists of into `dist/`, checks it, and writes SHA256SUMS beside it.

Run by the Python of an environment with `requirements/dist.lock`. Two builds of one commit with one Python and one
set of system libraries are the same byte for byte: every time stamp is the commit's.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import agent_wheel
import single_file

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


def main() -> None:
    """Build everything."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    os.environ["FERRYMAN_RELEASE"] = "1"
    shutil.rmtree(DIST, ignore_errors=True)
    run("-m", "hatchling", "build", "--directory", str(DIST))
    (wheel,) = DIST.glob("*.whl")
    wheels = {"agent": agent_wheel.build(DIST), "client": wheel}
    run("-m", "twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    for extra, installed in wheels.items():
        build_single_file(extra, installed)
    if "FERRYMAN_PROJECT_URL" not in os.environ:
        print("The metadata names no project addresses: run `make dist URL=https://…/ferryman` for a release.")
    write_sums()
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path.relative_to(ROOT)}")


def build_single_file(extra: str, wheel: Path) -> None:
    """Build a program as one file for this machine's system, from what its lock pins, and start it."""
    packages = ROOT / "build" / extra
    shutil.rmtree(packages, ignore_errors=True)
    install = (
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-compile",
        "--target",
        str(packages),
    )
    run(*install, "--require-hashes", "--requirement", f"requirements/{extra}.lock")
    run(*install, "--no-deps", "--no-index", str(wheel))
    version = wheel.name.split("-")[1].partition("+")[0]
    built = DIST / f"ferryman-{version}-{extra}-{platform.system().lower()}-{platform.machine()}"
    single_file.build(extra, built, ROOT / "build" / f"{extra}-frozen", packages)
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run([built, "--version"], env={"PATH": os.defpath, "FERRYMAN_UNPACK_DIR": cache}, check=True)


def run(*arguments: str) -> None:
    """Run this Python in the checkout; raises CalledProcessError."""
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def commit_time() -> str:
    """Return the time of the checked-out commit, in seconds; that of 1980 outside a repository, as zip has."""
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "315532800"


def write_sums() -> None:
    """Write SHA256SUMS as `sha256sum --check` reads it."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
