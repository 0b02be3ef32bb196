"""The server's address in a profile of AWS's configuration file, for the services that Ferryman provides only.

A profile's own `endpoint_url` applies to every service: programs that also use S3 would look for buckets there.
"""

from ferryman.client.login.aws_config import (
    Section,
    profiles,
    read_nested_settings,
    read_profile,
    with_nested_settings,
    with_settings,
)
from ferryman.model.failures import Failure

SERVED = (
    "ssm",
    "ssmmessages",
    "sts",
    "iam",
    "cloudtrail",
    "kms",
    "ec2",
    "ec2_instance_connect",
    "resource_groups_tagging_api",
    "ferryman",
)
"""Services by the names that AWS's SDKs have for them in a `services` section. EC2 is among them although Ferryman
answers little of it: the profile's key is of no use to AWS, and clients of Session Manager list instances there."""
GLOBAL = "endpoint_url"
_SERVICES = "services"


def read_endpoint(text: str, profile: str, service: str = "sts") -> str | None:
    """Return the address that a profile has for a service, as botocore reads it; None if it has none."""
    settings = read_profile(text, profile)
    section = Section(_SERVICES, settings.get(_SERVICES, ""))
    return read_nested_settings(text, section, GLOBAL).get(service) or settings.get(GLOBAL)


def with_endpoint(text: str, profile: str, url: str) -> str:
    """Return the file's text with the server's address set in a profile.

    If the profile has its own `endpoint_url`, that is changed. Otherwise the profile's `services` section
    gets an entry for each of `SERVED`. Raises Failure if another profile names the same section.
    """
    settings = read_profile(text, profile)
    named = settings.get(_SERVICES)
    section = Section(_SERVICES, named or f"ferryman-{profile}")
    present = read_nested_settings(text, section, GLOBAL)
    if GLOBAL in settings:
        text = with_settings(text, profile, {GLOBAL: url})
        # The section's setting for a service takes precedence over the profile's own.
        wanted = {service: url for service in SERVED if named and service in present}
    else:
        wanted = dict.fromkeys(SERVED, url)
    if all(present.get(service) == url for service in wanted):
        return text if named or not wanted else with_settings(text, profile, {_SERVICES: section.name})
    others = [
        each for each in profiles(text) if each != profile and read_profile(text, each).get(_SERVICES) == section.name
    ]
    if others:
        raise Failure(
            f"The server's address cannot be set in the profile {profile}",
            f"its section [{_SERVICES} {section.name}] is also the profile {others[0]}'s",
            f"Name a {_SERVICES} section of its own in the profile {profile}",
        )
    if not named:
        text = with_settings(text, profile, {_SERVICES: section.name})
    return with_nested_settings(text, section, GLOBAL, wanted)
