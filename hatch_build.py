"""Adds the project's addresses to the metadata: they are those of the site that a release is published on."""

import os

from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "FERRYMAN_PROJECT_URL"


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
