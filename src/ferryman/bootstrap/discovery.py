"""Makes the document at `/.well-known/ferryman` from the configuration."""

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.model.arns import Arns
from ferryman.model.failures import Failure
from ferryman.model.values.versions import PRODUCT_VERSION


def describe_server(loaded: LoadedConfiguration) -> bytes:
    """Return the document. Raises Failure if the authority's certificate cannot be read."""
    from ferryman.transport.trust import certificate_fingerprint
    from ferryman.wire.discovery import LoginOffer, ServerDescription, encode_description

    server, login = loaded.configuration.server, loaded.configuration.login
    authority = authority_certificate(loaded)
    offer = None
    if login.issuer is not None and login.client_id is not None:
        offer = LoginOffer(
            login.issuer,
            login.client_id,
            tuple(role_arn(loaded, role) for role in login.roles),
            login.scopes or "",
            login.session_claim or "",
        )
    return encode_description(
        ServerDescription(
            version=1,
            product_version=PRODUCT_VERSION,
            region=server.region,
            account_id=server.account_id,
            ca_sha256=certificate_fingerprint(authority) if authority else "",
            ca_certificate=authority,
            login=offer,
        )
    )


def authority_certificate(loaded: LoadedConfiguration) -> str:
    """Return the PEM of the authority that clients must trust, "" if the configuration names none. Raises Failure."""
    from ferryman.transport.trust import one_certificate

    tls = loaded.configuration.server.tls
    named = loaded.configuration.login.ca_file or (tls.authority if tls is not None else None)
    if named is None:
        return ""
    path = loaded.path(named)
    try:
        return one_certificate(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Failure(
            f"The authority's certificate {path} cannot be used",
            cause,
            "Name a PEM file with one certificate in login.ca_file or server.tls.authority",
        ) from error


def role_arn(loaded: LoadedConfiguration, role: str) -> str:
    """Return the ARN of a role that the configuration names, with its path if it has one."""
    server = loaded.configuration.server
    path, _, name = role.strip("/").rpartition("/")
    return Arns(server.account_id, server.region).role(name, f"/{path}/" if path else "/")
