"""`ferryman login INVITATION`: an access key, a profile and a context for someone who was invited."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from ferryman.cli.client.sign_in.server_offer import ca_path, find_server, free_name
from ferryman.cli.contexts import announced, context_of, stage_context
from ferryman.cli.output.printing import print_lines
from ferryman.client.login.aws_config import (
    Section,
    check_name,
    config_file,
    credentials_file,
    read_config,
    read_profile,
    stage_config,
    with_section_settings,
    with_settings,
)
from ferryman.client.login.invitations import parse_invitation, redeem
from ferryman.client.login.login_settings import check_free
from ferryman.client.login.service_endpoints import with_endpoint
from ferryman.model.failures import Failure
from ferryman.system.staged_files import StagedFiles


def accept_invitation(address: str, profile: str | None, ca_fingerprint: str | None, ca_file: Path | None) -> None:
    """Redeem an invitation, and write its key, the profile and the context: all of them or none. Raises Failure."""
    invitation = parse_invitation(address)
    found = find_server(invitation.server, ca_fingerprint or invitation.ca_sha256 or None, ca_file)
    name = profile or free_name(found.url)
    check_name(name)
    config, keys = config_file(), credentials_file()
    check_free(name, read_profile(read_config(config), name))
    authority = ca_path(name) if found.ca_certificate else None
    settings = {"region": found.description.region} | ({} if authority is None else {"ca_bundle": str(authority)})

    def with_profile() -> str:
        return with_endpoint(with_settings(read_config(config), name, settings), name, found.url)

    with StagedFiles() as staged:
        # Before the invitation is used up: find out that a file cannot be written.
        trusted = staged.stage(authority, found.ca_certificate.encode()) if authority else None
        staged.stage(config, with_profile().encode())
        staged.stage(keys, read_config(keys).encode())
        context = context_of(found.url, name, authority)
        stage_context(staged, name, context)
        redeemed = asyncio.run(redeem(replace(invitation, server=found.url), trusted))
        key = {
            "aws_access_key_id": redeemed.credentials.access_key_id,
            "aws_secret_access_key": redeemed.credentials.secret_access_key.reveal(),
        }
        try:
            stage_config(staged, config, with_profile())
            staged.stage(keys, with_section_settings(read_config(keys), Section("", name), key).encode())
            stage_context(staged, name, context)
            staged.commit()
        except OSError as error:
            raise Failure(
                f"The access key {redeemed.credentials.access_key_id} could not be saved and is lost",
                error.strerror or str(error),
                "Ask your administrator to delete it and to invite you again",
            ) from error
    print_lines(f"You are {redeemed.user_name}. Your access key is in {keys}.", *announced(name, os.environ))
