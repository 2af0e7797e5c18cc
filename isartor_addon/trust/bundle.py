"""One PEM file with every root this machine trusts already, and ours.

`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` *replace* what a program trusts, so naming our root alone
would cut it off from every host that is not decrypted. What the user has in these variables already (a company's own)
is included, and remembered in the bundle's own first lines: a shell that has our exports cannot show it any more.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import ssl
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import certifi

from isartor_addon.config.private import write_file
from isartor_addon.core.errors import TrustError
from isartor_addon.trust.authority import NAME, read_authority

BUNDLE_FILE = "isartor-bundle.pem"
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CODEX_CA_CERTIFICATE")
"""Where users name roots of their own."""

SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of these
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine, the BSDs
    "/usr/local/etc/ssl/cert.pem",  # FreeBSD
)

_MARK = "# Roots this machine trusts, and Isartor's. Made by `isartor`; changes are lost."
_SOURCE = "# from: "
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def combined_bundle(
    directory: Path, environment: Mapping[str, str] = os.environ, system: Iterable[bytes] | None = None
) -> Path:
    """
    Give the bundle of an authority's directory, up to date; it is written only when its content changes.

    Args:
        directory: where `ensure_authority` has made one.
        environment: whose `VARIABLES` are looked at.
        system: the system's roots as DER; None: those of this machine.

    Raises:
        TrustError: there is no authority, or the bundle cannot be written.
    """
    authority = read_authority(directory)
    if authority is None:
        raise TrustError(f"{directory} holds no certificate authority yet")
    path = directory.absolute() / BUNDLE_FILE
    sources = _sources(path, authority.certificate, environment)
    roots = dict.fromkeys([*(system_roots() if system is None else system)])
    for source in sources:
        roots.update(dict.fromkeys(read_roots(source)))
    others = [root for root in roots if not _is_ours(root)]
    lines = [_MARK, *(_SOURCE + json.dumps(str(source)) for source in sources)]
    content = "\n".join([*lines, *map(_pem, [*others, authority.root])]).encode("ascii")
    try:
        if not path.is_file() or path.read_bytes() != content:
            write_file(path, [content], mode=0o644)
    except OSError as error:
        raise TrustError(f"cannot write {path}: {error.strerror}") from error
    return path


def system_roots() -> list[bytes]:
    """The roots this machine trusts, as DER; certifi's where none can be found."""
    if sys.platform == "win32":
        stores = [entry for store in ("ROOT", "CA") for entry in ssl.enum_certificates(store)]
        return [der for der, encoding, trust in stores if encoding == "x509_asn" and _serves_tls(trust)]
    own = ssl.get_default_verify_paths()
    for file in (*SYSTEM_FILES, own.openssl_cafile, certifi.where()):
        if roots := list(read_roots(Path(file))):
            return roots
    return []


def _serves_tls(trust: bool | Iterable[str]) -> bool:
    return trust if isinstance(trust, bool) else ssl.Purpose.SERVER_AUTH.oid in trust


def _sources(bundle: Path, certificate: Path, environment: Mapping[str, str]) -> list[Path]:
    """The user's own files of roots: those remembered, as long as they exist, and those the environment names now."""
    named = [Path(value).expanduser().absolute() for name in VARIABLES if (value := environment.get(name))]
    found: list[Path] = list(_remembered(bundle))
    for path in named:
        # In a shell with our exports (or another Isartor's) the variable names a bundle of ours, never a source.
        found.extend(_remembered(path) if _is_bundle(path) else [path])
    return [path for path in dict.fromkeys(found) if path.is_file() and path != certificate.absolute()]


def _is_bundle(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK.encode("ascii")
    except OSError:
        return False


def _remembered(bundle: Path) -> Iterator[Path]:
    if not _is_bundle(bundle):
        return
    with bundle.open(encoding="ascii", errors="replace") as file:
        for line in file:
            if not line.startswith("#"):
                return
            if line.startswith(_SOURCE):
                yield Path(json.loads(line.removeprefix(_SOURCE)))


def read_roots(path: Path) -> Iterator[bytes]:
    """The certificates of a PEM file; none if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    for match in _BLOCK.finditer(content):
        try:
            yield base64.b64decode(b"".join(match[1].split()), validate=True)
        except binascii.Error:
            continue


def _is_ours(root: bytes) -> bool:
    """Whether this is a root of ours, perhaps one that has been renewed since; only today's belongs into the bundle."""
    return NAME.encode("ascii") in root


def _pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)
