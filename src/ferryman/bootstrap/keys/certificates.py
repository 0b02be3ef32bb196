"""A local certificate authority and its server certificate, which can be renewed while the authority stays.

The authority's key is kept for that. Its certificate is limited to the server's own names (name constraints, RFC 5280
§4.2.1.10): whoever steals the key can impersonate this server, just as with the server's own key, but no other server
that the machines trusting the authority connect to.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""The longest lifetime that common clients accept for a server certificate (CA/Browser Forum, TLS BR §6.3.2)."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Issuer:
    """PEM of the authority's certificate and its private key."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """PEM of the server's certificate and its private key, and who issued it."""

    issuer: Issuer
    certificate: bytes
    key: bytes


def issue(host: str, now: datetime) -> Issued:
    """Create an authority and its certificate for `host` (a name or IP address), `localhost` and loopback addresses.

    `now` is an aware datetime; both are valid from an hour earlier, for clocks that are behind.
    """
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    # Named after its key too: verifiers find an issuer by name, and a machine may trust several of these.
    fingerprint = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key()).digest.hex()[:8]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Ferryman local CA {fingerprint}")])
    names = _names(host)
    issuer = (
        _builder(name, name, issuer_key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints([_subtree(name) for name in names], None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    certificate = _sign(issuer, issuer_key, subject, x509.SubjectAlternativeName(names), key.public_key(), now)
    return Issued(Issuer(_certificate_pem(issuer), _key_pem(issuer_key)), certificate, _key_pem(key))


def renew(issuer: Issuer, certificate: bytes, now: datetime) -> bytes:
    """Return a new certificate, PEM, with the names and key of an earlier one from the same authority.

    Raises ValueError with the reason if it cannot: another authority issued it, the key is not the authority's, or the
    authority itself has expired.
    """
    authority = x509.load_pem_x509_certificate(issuer.certificate)
    issuer_key = serialization.load_pem_private_key(issuer.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey) or issuer_key.public_key() != authority.public_key():
        raise ValueError("the authority's key does not belong to its certificate")
    earlier = x509.load_pem_x509_certificate(certificate)
    try:
        earlier.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError) as error:
        raise ValueError("another authority issued the certificate") from error
    if authority.not_valid_after_utc <= now:
        raise ValueError(f"the authority itself expired on {authority.not_valid_after_utc:%Y-%m-%d}")
    public_key = earlier.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise ValueError("the certificate's key is not of the kind that Ferryman creates")
    names = earlier.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _sign(authority, issuer_key, earlier.subject, names, public_key, now)


def _sign(
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    names: x509.SubjectAlternativeName,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> bytes:
    expires = min(now + timedelta(days=SERVER_DAYS), issuer.not_valid_after_utc)
    certificate = (
        _builder(subject, issuer.subject, key, now, expires)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _certificate_pem(certificate)


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, expires: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for name in dict.fromkeys([host, *_LOOPBACK_NAMES]):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name))
    return names


def _subtree(name: x509.GeneralName) -> x509.GeneralName:
    """Return a name as constraints write it: an address as a network of one."""
    return x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name
