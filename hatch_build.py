"""Adds the project's addresses to the metadata: they are those of the site that a release is published on. Refuses to
build a release without the web console's files."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "FERRYMAN_PROJECT_URL"
RELEASE = "FERRYMAN_RELEASE"
"""Set by `make dist`; whatever else builds, such as `pip install`, works without the console's files."""
CONSOLE = "src/ferryman/console/static/index.html"


class ProjectUrls(MetadataHookInterface):
    """Reads the repository's address from the environment; a build without it has no addresses."""

    def update(self, metadata: dict) -> None:
        """Set `urls`."""
        address = os.environ.get(VARIABLE, "").rstrip("/")
        metadata["urls"] = (
            {
                "Source": address,
                "Documentation": f"{address}/blob/main/docs/index.md",
                "Changelog": f"{address}/blob/main/CHANGELOG.md",
                "Issues": f"{address}/issues",
            }
            if address
            else {}
        )


class ConsoleFiles(BuildHookInterface):
    """Looks for the console's built files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse a release without them."""
        if os.environ.get(RELEASE) and not (Path(self.root) / CONSOLE).is_file():
            raise SystemExit(
                "A release contains the web console, and its files are not built. Run `make console` first."
            )
