"""Finds the CA file to trust in addition to the system's: the one configured for the AWS CLI.

This module reads the configuration itself, because importing botocore takes longer than opening the connection.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path

DEFAULT_CONFIG = "~/.aws/config"


def ca_file(environment: Mapping[str, str], profile: str) -> Path | None:
    """Return the CA file of `AWS_CA_BUNDLE`, or of `ca_bundle` in the profile; None if there is neither.

    `profile` may be empty: then AWS_PROFILE decides, or it is the default profile. A configuration that cannot be
    read counts as empty: the AWS CLI has already complained.
    """
    named = environment.get("AWS_CA_BUNDLE") or _of_profile(environment, profile)
    return Path(named).expanduser() if named else None


def _of_profile(environment: Mapping[str, str], profile: str) -> str | None:
    name = profile or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    parser = configparser.RawConfigParser(strict=False)
    try:
        with Path(environment.get("AWS_CONFIG_FILE") or DEFAULT_CONFIG).expanduser().open(encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
    for section in (f"profile {name}", name) if name == "default" else (f"profile {name}",):
        if parser.has_option(section, "ca_bundle"):
            return parser.get(section, "ca_bundle")
    return None
