"""`ferryman credentials | logout`: what is kept of a sign-in, printed for AWS's programs or forgotten."""

import asyncio
import os
from datetime import UTC, datetime

import msgspec

from ferryman.cli.client.sign_in.provider import renew
from ferryman.cli.options import ProfileOption
from ferryman.cli.output.printing import print_document, print_lines
from ferryman.client.calls.api import Connection
from ferryman.client.login.aws_config import check_name, config_file, read_config, read_profile
from ferryman.client.login.cache import EARLY, Kept, LoginCache
from ferryman.client.login.login_settings import login_settings
from ferryman.client.login.service_endpoints import read_endpoint
from ferryman.model.failures import Failure


def logout(*, profile: ProfileOption = None) -> None:
    """Delete the profile's local credentials and refresh token. The credentials stay valid until they expire."""
    profile = profile or os.environ.get("AWS_PROFILE") or "default"
    check_name(profile)
    if LoginCache(config_file(), profile).forget():
        print_lines(f"Signed out of the profile {profile}.")
    else:
        print_lines(f"The profile {profile} was not signed in.")


def credentials(*, profile: ProfileOption = None) -> None:
    """Print the profile's credentials, renewed if necessary. AWS's programs run this as its credential_process."""
    profile = profile or os.environ.get("AWS_PROFILE") or "default"
    check_name(profile)
    path = config_file()
    text = read_config(path)
    merged, endpoint_url = read_profile(text, profile), read_endpoint(text, profile)
    wanted = login_settings(profile, merged)
    now = datetime.now(UTC)
    cache, binding = LoginCache(path, profile), wanted.binding(endpoint_url or "")
    kept = cache.read(binding)
    if _is_to_be_renewed(kept, now):
        with cache.alone():
            kept = cache.read(binding)  # another process may have renewed it meanwhile
            if kept is not None and _is_to_be_renewed(kept, now):
                connection = Connection(profile, merged.get("region"), endpoint_url)
                try:
                    kept = asyncio.run(renew(path, profile, connection, wanted, kept))
                except Failure:
                    if not kept.is_good(now):
                        raise
    if kept is None or not kept.is_good(now):
        raise Failure(
            f"The profile {profile} is not signed in",
            "you have not signed in, or the credentials have expired",
            f"Run `ferryman login --profile {profile}`",
        )
    print_document(msgspec.json.decode(kept.for_process()))


def _is_to_be_renewed(kept: Kept | None, now: datetime) -> bool:
    return kept is not None and kept.refresh_token is not None and not kept.is_good(now, EARLY)
