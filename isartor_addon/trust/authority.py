"""A certificate authority that can sign for LLM providers and for nothing else, in the files mitmproxy reads.

Two certificates are made at once: a *root*, which people trust, and an *issuer* below it, whose key mitmproxy signs
with. Both carry the same critical name constraints (RFC 5280, 4.2.1.10). Why two: a validator need not look at the
constraints of a trusted root (RFC 5280, 6.1.1 hands it over as a name and a key; Java does just that), but every one
must look at those of a certificate in between. The root's key signs the issuer once and is then forgotten: it is never
written anywhere, so no second issuer can ever be made below a root that somebody trusts.

Files, in mitmproxy's own layout for `confdir`:
    mitmproxy-ca.pem        the issuer's key, the issuer, the root (mode 0600); the one source of truth
    mitmproxy-ca-cert.pem   the root: what is trusted; made again from the other file whenever they differ
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from isartor_addon.config.private import make_directory, write_file
from isartor_addon.core.errors import ConfigError, TrustError

KEY_FILE = "mitmproxy-ca.pem"
CERTIFICATE_FILE = "mitmproxy-ca-cert.pem"
NAME = "Isartor local CA"
"""How the root's common name begins; six random hex digits follow, so that two of them are never confused."""

VALIDITY = timedelta(days=3 * 365)
BACKDATED = timedelta(days=2)
"""For clients whose clock is behind."""

_NEVER = "invalid"
"""A domain that never is (RFC 6761, 6.4)."""
_EVERY_ADDRESS = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("::/0")}


@dataclass(frozen=True, slots=True)
class Authority:
    """What is known of a certificate authority that has been made."""

    directory: Path
    """mitmproxy's `confdir`."""
    name: str
    """The root's common name."""
    domains: tuple[str, ...]
    """It can sign for these, for all below them, and for nothing else. IP addresses are in it only if asked for."""
    root: bytes
    """The root certificate, DER."""
    fingerprint: str
    """SHA-256 of `root`, 64 lower-case hex digits."""
    not_after: datetime
    """When it ends (UTC)."""

    @property
    def certificate(self) -> Path:
        """The root as a PEM file: what clients are told to trust."""
        return self.directory / CERTIFICATE_FILE


def ensure_authority(directory: Path, domains: Sequence[str]) -> Authority:
    """
    Give the authority of a directory; make it if there is none or it has expired.

    One that exists is used as it is, whatever it covers, as a new one must be trusted anew: see `covers` and `renew`.

    Args:
        directory: mitmproxy's `confdir`; made with mode 0700 if absent. Several processes may do this at once.
        domains: DNS names it may sign for, each with everything below it; IP addresses stand for themselves.

    Raises:
        ConfigError: one of `domains` is no DNS name.
        TrustError: the directory cannot be written, or holds an authority that is not ours.
    """
    found = read_authority(directory)
    if found is None:
        _write_key_file(directory, _make(domains), replace=False)
    elif found.not_after <= datetime.now(UTC):
        return renew(directory, domains)
    return _complete(directory)


def renew(directory: Path, domains: Sequence[str]) -> Authority:
    """
    Replace the authority of a directory by a new one, which must be trusted anew. The old key is gone afterwards.

    Raises:
        ConfigError: one of `domains` is no DNS name.
        TrustError: the directory cannot be written, or holds an authority that is not ours.
    """
    read_authority(directory)
    _write_key_file(directory, _make(domains), replace=True)
    return _complete(directory)


def read_authority(directory: Path) -> Authority | None:
    """
    Give the authority of a directory, None if there is none. Writes nothing.

    Raises:
        TrustError: what is there cannot be read, or is not ours.
    """
    path = directory / KEY_FILE
    try:
        issuer, root = x509.load_pem_x509_certificates(path.read_bytes())
        issuer.verify_directly_issued_by(root)
        name = str(root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        constraints = issuer.extensions.get_extension_for_class(x509.NameConstraints).value
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, x509.ExtensionNotFound) as error:
        raise TrustError(f"{path} is not a certificate authority that Isartor made; it is left alone") from error
    if not name.startswith(NAME):
        raise TrustError(f"{path} is not a certificate authority that Isartor made; it is left alone")
    return Authority(
        directory=directory,
        name=name,
        domains=_permitted(constraints),
        root=root.public_bytes(serialization.Encoding.DER),
        fingerprint=root.fingerprint(hashes.SHA256()).hex(),
        not_after=root.not_valid_after_utc,
    )


def _permitted(constraints: x509.NameConstraints) -> tuple[str, ...]:
    subtrees = constraints.permitted_subtrees or ()
    names = (_text(subtree) for subtree in subtrees if isinstance(subtree, x509.DNSName | x509.IPAddress))
    return tuple(name for name in names if name != _NEVER)


def covers(authority: Authority, domains: Sequence[str]) -> list[str]:
    """Those of `domains` for which the authority cannot sign; empty when it covers all."""
    names = [_text(_subtree(domain)) for domain in domains]
    return [name for name in names if not any(_within(name, domain) for domain in authority.domains)]


def _within(name: str, domain: str) -> bool:
    return name == domain or (name.endswith("." + domain) and not _is_address(domain))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _subtree(domain: str) -> x509.GeneralName:
    if _is_address(domain):
        return x509.IPAddress(ipaddress.ip_network(domain))
    try:
        ascii_name = domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ConfigError(f"hosts: {domain!r} is not a DNS name") from error
    if not ascii_name or ascii_name.startswith(".") or set(ascii_name) & set("*:/@ "):
        raise ConfigError(f"hosts: {domain!r} is not a DNS name")
    return x509.DNSName(ascii_name)


def _text(subtree: x509.GeneralName) -> str:
    if isinstance(subtree, x509.IPAddress) and isinstance(subtree.value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return str(subtree.value.network_address)
    return str(subtree.value)


def _constraints(domains: Sequence[str]) -> x509.NameConstraints:
    """
    Permit these names and nothing else, of every name type by which a server can be known.

    A type without constraints would be free: so addresses are excluded altogether (or only those asked for are
    permitted), and for URIs and mail addresses only a domain is permitted that never is, which forbids all that are.
    """
    permitted = list(dict.fromkeys(_subtree(domain) for domain in domains))
    if not any(isinstance(subtree, x509.DNSName) for subtree in permitted):
        permitted.append(x509.DNSName(_NEVER))
    versions = {subtree.value.version for subtree in permitted if isinstance(subtree, x509.IPAddress)}
    return x509.NameConstraints(
        permitted_subtrees=[*permitted, x509.UniformResourceIdentifier(_NEVER), x509.RFC822Name(_NEVER)],
        excluded_subtrees=[x509.IPAddress(net) for version, net in _EVERY_ADDRESS.items() if version not in versions]
        or None,
    )


def _make(domains: Sequence[str]) -> bytes:
    """Give a new key file: the issuer's key, the issuer, the root. P-256: known to TLS 1.2 clients, and quick."""
    constraints = _constraints(domains)
    mark = secrets.token_hex(3)
    root_name, issuer_name = _name(f"{NAME} {mark}"), _name(f"Isartor local issuer {mark}")
    root_key, issuer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _builder(root_name, root_key.public_key(), constraints, depth=1)
    issuer = _builder(issuer_name, issuer_key.public_key(), constraints, depth=0)
    signer = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer)
    signed = [
        builder.issuer_name(root_name).add_extension(above, critical=False).sign(root_key, hashes.SHA256())
        for builder in (issuer, root)
    ]
    key = issuer_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in signed)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common_name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Isartor")]
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, constraints: x509.NameConstraints, *, depth: int
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - BACKDATED
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _write_key_file(directory: Path, content: bytes, *, replace: bool) -> None:
    """Put the key file in its place in one step. Without `replace`, one that is there already stays."""
    try:
        make_directory(directory)
        write_file(directory / KEY_FILE, [content], replace=replace)
    except OSError as error:
        raise TrustError(f"cannot write {directory / KEY_FILE}: {error.strerror}") from error


def _complete(directory: Path) -> Authority:
    """Give the authority that is there, the root's own file as it should be, the key for nobody else to read."""
    authority = read_authority(directory)
    if authority is None:
        raise TrustError(f"{directory / KEY_FILE} went away while it was being made")
    pem = x509.load_der_x509_certificate(authority.root).public_bytes(serialization.Encoding.PEM)
    try:
        (directory / KEY_FILE).chmod(0o600)
        if not authority.certificate.is_file() or authority.certificate.read_bytes() != pem:
            write_file(authority.certificate, [pem], mode=0o644)
    except OSError as error:
        raise TrustError(f"cannot write {authority.certificate}: {error.strerror}") from error
    return authority
