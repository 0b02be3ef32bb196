"""botocore sessions as Ferryman uses them: its rules for profiles and credentials, but a quicker start.

botocore lists the directories of all 400 services to find the ones it is asked for, and parses JSON slowly. The files
are read once for each command, so that is noticed.
"""

import os
from typing import TYPE_CHECKING, Any

from ferryman.awsapi import OWN_MODELS
from ferryman.model.values.versions import PRODUCT_VERSION

if TYPE_CHECKING:
    from botocore.session import Session

_OWN = "ferryman"
SERVICES = [_OWN, "iam", "ssm", "sts"]
"""The services that Ferryman's client calls."""
_REGION = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
"""As in version 2 of the AWS CLI; botocore alone knows the second variable only."""


def open_session(profile: str | None) -> "Session":
    """Return a session for a profile; None means the environment's. It introduces itself to servers as Ferryman."""
    import botocore.session
    from botocore.loaders import Loader

    class OwnServices(Loader):  # type: ignore[misc]
        """Knows which services there are without looking."""

        def list_available_services(self, type_name: str) -> list[str]:
            return SERVICES if type_name == "service-2" else [name for name in SERVICES if name != _OWN]

    session = botocore.session.Session({"region": _REGION}, profile=profile)
    session.user_agent_name = "ferryman"
    session.user_agent_version = PRODUCT_VERSION
    session.register_component(
        "data_loader", OwnServices(file_loader=_QuickFiles(), extra_search_paths=[str(OWN_MODELS)])
    )
    return session


class _QuickFiles:
    """Reads botocore's data files; the order of members stays as it is in the file."""

    def exists(self, file_path: str) -> bool:
        """Whether there is a file, with one of the endings."""
        return any(os.path.isfile(file_path + ending) for ending in (".json", ".json.gz"))  # noqa: PTH113

    def load_file(self, file_path: str) -> Any:
        """Return a file's content; None if it does not exist."""
        import gzip

        import msgspec

        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            try:
                with opened(file_path + ending, "rb") as file:
                    return msgspec.json.decode(file.read())
            except FileNotFoundError:
                continue
        return None
