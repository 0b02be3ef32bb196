"""botocore sessions as Ferryman uses them: its rules for profiles and credentials, but a quicker start.

botocore lists the directories of all 400 services to find the ones it is asked for.
"""

from typing import TYPE_CHECKING

from ferryman.awsapi import OWN_MODELS
from ferryman.model.values.versions import PRODUCT_VERSION

if TYPE_CHECKING:
    from botocore.session import Session

_OWN = "ferryman"
SERVICES = [_OWN, "iam", "ssm", "sts"]
"""The services that Ferryman's client calls."""
_FOR_CREDENTIALS = ["signin", "sso", "sso-oidc"]
"""The services that botocore itself calls to get a profile's credentials, apart from sts."""
_REGION = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
"""As in version 2 of the AWS CLI; botocore alone knows the second variable only."""


def open_session(profile: str | None) -> "Session":
    """Return a session for a profile; None means the environment's. It introduces itself to servers as Ferryman."""
    import botocore.session
    from botocore.loaders import Loader

    from ferryman.client.calls.data_files import DataFiles

    known = [*SERVICES, *_FOR_CREDENTIALS]

    class OwnServices(Loader):  # type: ignore[misc]
        """Knows which services there are without looking."""

        def list_available_services(self, type_name: str) -> list[str]:
            return known if type_name == "service-2" else [name for name in known if name != _OWN]

    session = botocore.session.Session({"region": _REGION}, profile=profile)
    session.user_agent_name = "ferryman"
    session.user_agent_version = PRODUCT_VERSION
    loader = OwnServices(file_loader=DataFiles(), extra_search_paths=[str(OWN_MODELS)])
    session.register_component("data_loader", loader)
    return session
