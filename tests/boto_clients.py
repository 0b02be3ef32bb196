"""boto3 clients of servers under test."""

from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config

from ferryman.awsapi import OWN_MODELS

_session = boto3.session.Session()
"""Shared, because it caches the services' models, which take a tenth of a second to read."""
_session._loader.search_paths.append(str(OWN_MODELS))
ONCE = Config(retries={"total_max_attempts": 1})
_NAMES = {"tagging": "resourcegroupstaggingapi"}
"""botocore's names of services whose signatures have another name."""


def boto_client(
    service: str, url: str, region: str, key: Sequence[str | None] = (), *, config: Config = ONCE, **settings: Any
) -> Any:
    """Return a client; `service` is what its signatures are scoped to.

    `key` is the access key's id, its secret and, for temporary credentials, their token. A call is tried once, unless
    `config` says otherwise.
    """
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = dict(zip(names, key, strict=False)) | settings
    return _session.client(_NAMES.get(service, service), endpoint_url=url, region_name=region, config=config, **given)
