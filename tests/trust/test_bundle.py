"""The combined bundle: what was trusted stays trusted, and our root comes to it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from isartor_addon.core.errors import TrustError
from isartor_addon.trust.authority import ensure_authority, renew
from isartor_addon.trust.bundle import BUNDLE_FILE, combined_bundle, read_roots, system_roots
from tests.trust.loopback import Signer


def some_root() -> bytes:
    """A root that somebody else made, DER."""
    return Signer.without_constraints().chain[0].public_bytes(serialization.Encoding.DER)


def write_pem(path: Path, *roots: bytes) -> Path:
    path.write_text("a comment, as such files have\n" + "".join(map(ssl.DER_cert_to_PEM_cert, roots)))
    return path


def read(path: Path) -> list[bytes]:
    return list(read_roots(path))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ensure_authority(tmp_path / "ca", ["api.openai.com"])
    return tmp_path / "ca"


def test_the_bundle_holds_the_systems_roots_and_ours(home: Path) -> None:
    """All roots of this machine, each once, and ours; Python's `ssl` loads every one."""
    path = combined_bundle(home, {})
    ours = ensure_authority(home, []).root
    roots = read(path)
    assert set(system_roots()) | {ours} == set(roots)
    assert len(roots) == len(set(roots))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    assert set(roots) == set(context.get_ca_certs(binary_form=True))


def test_this_machine_has_roots() -> None:
    """Wherever they are kept, some are found."""
    assert len(system_roots()) > 20


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
def test_a_companys_bundle_is_included(home: Path, tmp_path: Path, variable: str) -> None:
    """What the user names in one of the variables is in the bundle."""
    system, company = some_root(), some_root()
    named = write_pem(tmp_path / "company.pem", company, system)
    path = combined_bundle(home, {variable: str(named)}, [system])
    assert [system, company, ensure_authority(home, []).root] == read(path)


def test_a_companys_bundle_outlives_our_exports(home: Path, tmp_path: Path) -> None:
    """A shell that has our exports shows our bundle only, a fresh one shows nothing: the company's roots stay in."""
    system, company = some_root(), some_root()
    named = write_pem(tmp_path / "company.pem", company)
    path = combined_bundle(home, {"SSL_CERT_FILE": str(named)}, [system])
    before = path.read_bytes()
    assert path == combined_bundle(home, {"SSL_CERT_FILE": str(path), "REQUESTS_CA_BUNDLE": str(path)}, [system])
    assert before == path.read_bytes()
    combined_bundle(home, {}, [system])
    assert before == path.read_bytes()


def test_a_companys_bundle_that_is_gone_is_forgotten(home: Path, tmp_path: Path) -> None:
    """Deleting the file withdraws its roots."""
    named = write_pem(tmp_path / "company.pem", some_root())
    combined_bundle(home, {"SSL_CERT_FILE": str(named)}, [])
    named.unlink()
    assert [ensure_authority(home, []).root] == read(combined_bundle(home, {"SSL_CERT_FILE": str(named)}, []))


def test_another_isartors_bundle_gives_its_sources(home: Path, tmp_path: Path) -> None:
    """The bundle of another home brings the company's roots along, but not that home's own root."""
    company = some_root()
    named = write_pem(tmp_path / "company.pem", company)
    ensure_authority(tmp_path / "other", ["api.openai.com"])
    other = combined_bundle(tmp_path / "other", {"CURL_CA_BUNDLE": str(named)}, [])
    path = combined_bundle(home, {"CURL_CA_BUNDLE": str(other)}, [])
    assert [company, ensure_authority(home, []).root] == read(path)


def test_a_root_of_ours_that_was_renewed_is_left_out(home: Path, tmp_path: Path) -> None:
    """An old root that is still in the system's store, or named by a variable, does not come back."""
    old = ensure_authority(home, []).root
    kept = write_pem(tmp_path / "old.pem", old)
    system = some_root()
    new = renew(home, ["api.openai.com"]).root
    assert [system, new] == read(combined_bundle(home, {"NODE_EXTRA_CA_CERTS": str(kept)}, [system, old]))


def test_the_bundle_follows_both_sides(home: Path, tmp_path: Path) -> None:
    """New roots of the system, of the company and of ours are there at the next call."""
    first, second, company = some_root(), some_root(), some_root()
    named = write_pem(tmp_path / "company.pem", company)
    environment = {"SSL_CERT_FILE": str(named)}
    combined_bundle(home, environment, [first])
    write_pem(named, company, second)
    new = renew(home, ["api.openai.com"]).root
    assert [first, company, second, new] == read(combined_bundle(home, environment, [first]))
    assert [second, company, new] == read(combined_bundle(home, environment, [second]))


def test_an_unchanged_bundle_is_not_written(home: Path) -> None:
    """Programs that watch the file see no change."""
    path = combined_bundle(home, {}, [some_root()])
    os.utime(path, (1, 1))
    combined_bundle(home, {}, read(path)[:1])
    assert path.stat().st_mtime == 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_passed_over(home: Path, tmp_path: Path, content: bytes) -> None:
    """An empty, binary or broken file in a variable does no harm."""
    named = tmp_path / "broken.pem"
    named.write_bytes(content)
    environment = {"SSL_CERT_FILE": str(named), "REQUESTS_CA_BUNDLE": str(tmp_path), "CURL_CA_BUNDLE": "/no/such"}
    assert [ensure_authority(home, []).root] == read(combined_bundle(home, environment, []))


def test_a_path_with_any_letters_keeps_the_bundle_ascii(home: Path, tmp_path: Path) -> None:
    """Programs that hand the text on as ASCII can read it, and the path is still remembered."""
    company = some_root()
    named = write_pem(tmp_path / "Prüf stelle\u2028.pem", company)
    path = combined_bundle(home, {"SSL_CERT_FILE": str(named)}, [])
    assert path.read_bytes().isascii()
    assert company in read(combined_bundle(home, {}, []))


def test_without_an_authority_there_is_no_bundle(tmp_path: Path) -> None:
    """One sentence, and no file."""
    with pytest.raises(TrustError, match="no certificate authority"):
        combined_bundle(tmp_path, {}, [])
    assert not (tmp_path / BUNDLE_FILE).exists()
