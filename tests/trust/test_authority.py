"""Our authority: made once, kept, replaced on demand, and never able to sign for more than it says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import CertStore

from isartor_addon.core.errors import ConfigError, TrustError
from isartor_addon.trust import authority as trust
from isartor_addon.trust.authority import Authority, covers, ensure_authority, read_authority, renew

DOMAINS = ("api.openai.com", "openai.azure.com")


def certificates(directory: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((directory / trust.KEY_FILE).read_bytes())


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    """A second start gives the same authority, also when it asks for other domains."""
    first = ensure_authority(tmp_path / "ca", DOMAINS)
    before = (tmp_path / "ca" / trust.KEY_FILE).read_bytes()
    assert first == ensure_authority(tmp_path / "ca", ("example.com",))
    assert before == (tmp_path / "ca" / trust.KEY_FILE).read_bytes()


def test_an_authority_says_what_it_is(tmp_path: Path) -> None:
    """Domains, fingerprint and end are those of the certificate that people are told to trust."""
    made = ensure_authority(tmp_path / "ca", DOMAINS)
    root = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    assert DOMAINS == made.domains
    assert root.public_bytes(serialization.Encoding.DER) == made.root
    assert root.not_valid_after_utc == made.not_after
    years = (made.not_after - datetime.now(UTC)) / timedelta(days=365)
    assert 2 < years < 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes; the user's profile is private there")
def test_the_key_is_private(tmp_path: Path) -> None:
    """Folders 0700 and key file 0600, the latter also after somebody has opened it to all."""
    folder = tmp_path / "home" / "ca"
    ensure_authority(folder, DOMAINS)
    key = folder / trust.KEY_FILE
    assert [0o700, 0o700, 0o600] == [path.stat().st_mode & 0o777 for path in (folder.parent, folder, key)]
    key.chmod(0o644)
    ensure_authority(folder, DOMAINS)
    assert key.stat().st_mode & 0o777 == 0o600


def test_both_certificates_are_constrained(tmp_path: Path) -> None:
    """Root and issuer: critical constraints on names, addresses, URIs and mail; TLS servers only; one level each."""
    ensure_authority(tmp_path / "ca", DOMAINS)
    issuer, root = certificates(tmp_path / "ca")
    for certificate, depth in ((issuer, 0), (root, 1)):
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.NameConstraints)
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
        permitted = [type(one) for one in names.value.permitted_subtrees or ()]
        excluded = [str(one.value) for one in names.value.excluded_subtrees or ()]
        assert (True, True, depth) == (names.critical, basic.critical, basic.value.path_length)
        assert [x509.DNSName, x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name] == permitted
        assert ["0.0.0.0/0", "::/0"] == excluded
        purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        assert [x509.ExtendedKeyUsageOID.SERVER_AUTH] == purposes


def test_the_key_that_is_kept_is_not_the_roots(tmp_path: Path) -> None:
    """Nothing in the folder can sign a second issuer below the root that is trusted."""
    ensure_authority(tmp_path / "ca", DOMAINS)
    issuer, root = certificates(tmp_path / "ca")
    kept = [
        serialization.load_pem_private_key(file.read_bytes(), None).public_key()
        for file in (tmp_path / "ca").iterdir()
        if b"PRIVATE KEY" in file.read_bytes()
    ]
    assert [issuer.public_key()] == kept
    assert root.public_key() not in kept


def test_nothing_personal_is_in_it(tmp_path: Path) -> None:
    """Two authorities are told apart by random digits; user and machine are not named."""
    names = {ensure_authority(tmp_path / str(number), DOMAINS).name for number in range(2)}
    assert len(names) == 2
    assert {trust.NAME} == {name.rpartition(" ")[0] for name in names}


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("api.openai.com", True),
        ("v2.api.openai.com", True),
        ("API.OpenAI.com", True),
        ("mine.openai.azure.com", True),
        ("openai.com", False),
        ("evilapi.openai.com", False),
        ("example.com", False),
        ("10.0.0.5", False),
    ],
)
def test_covers_follows_the_rules_of_name_constraints(tmp_path: Path, name: str, covered: bool) -> None:
    """A domain covers itself and what is below it, not its parent and not what only ends like it."""
    assert ([] if covered else [name]) == covers(ensure_authority(tmp_path, DOMAINS), [name])


def test_renewing_covers_the_new_domains(tmp_path: Path) -> None:
    """The new authority is another one, covers what was missing, and its file of trust is the new root's."""
    old = ensure_authority(tmp_path, DOMAINS)
    new = renew(tmp_path, (*DOMAINS, "llm.example.com"))
    assert [] == covers(new, ["llm.example.com"])
    assert new.fingerprint != old.fingerprint
    assert new == read_authority(tmp_path) == ensure_authority(tmp_path, DOMAINS)


def test_an_expired_authority_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can use one that has ended, so a start makes a new one."""
    monkeypatch.setattr(trust, "VALIDITY", timedelta(days=1))
    old = ensure_authority(tmp_path, DOMAINS)
    monkeypatch.undo()
    new = ensure_authority(tmp_path, DOMAINS)
    assert old.not_after < datetime.now(UTC) < new.not_after


def test_addresses_that_were_asked_for_are_the_only_ones(tmp_path: Path) -> None:
    """A server of one's own that is known by an address: this address is permitted, the other kind stays excluded."""
    made = ensure_authority(tmp_path, (*DOMAINS, "10.0.0.5"))
    names = certificates(tmp_path)[0].extensions.get_extension_for_class(x509.NameConstraints).value
    assert (*DOMAINS, "10.0.0.5") == made.domains
    assert ["10.0.0.6"] == covers(made, ["10.0.0.5", "10.0.0.6"])
    assert ["::/0"] == [str(one.value) for one in names.excluded_subtrees or ()]


def test_no_domain_at_all_permits_nothing(tmp_path: Path) -> None:
    """Without DNS names the type must not be left free."""
    made = ensure_authority(tmp_path, ())
    assert ((), ["example.com"]) == (made.domains, covers(made, ["example.com"]))
    names = certificates(tmp_path)[0].extensions.get_extension_for_class(x509.NameConstraints).value
    assert ["invalid"] == [one.value for one in names.permitted_subtrees or () if isinstance(one, x509.DNSName)]


@pytest.mark.parametrize("domain", ["", ".openai.com", "*.openai.com", "a:1", "a b", "a..b", "x" * 64 + ".com"])
def test_what_is_no_domain_is_named(tmp_path: Path, domain: str) -> None:
    """A wrong entry is refused with its text, and nothing is made."""
    with pytest.raises(ConfigError, match="is not a DNS name"):
        ensure_authority(tmp_path / "ca", [domain])
    assert not (tmp_path / "ca").exists()


def spoil_with_mitmproxys(directory: Path) -> None:
    CertStore.from_store(directory, "mitmproxy", 2048)


def spoil_with_rubbish(directory: Path) -> None:
    (directory / trust.KEY_FILE).write_bytes(b"no certificate")


def spoil_with_another_root(directory: Path) -> None:
    first, second = ensure_authority(directory / "a", DOMAINS), ensure_authority(directory / "b", DOMAINS)
    keyed = (directory / "a" / trust.KEY_FILE).read_bytes().rpartition(b"-----BEGIN CERTIFICATE-----")[0]
    (directory / trust.KEY_FILE).write_bytes(keyed + second.certificate.read_bytes())
    assert first.name != second.name


@pytest.mark.parametrize("spoil", [spoil_with_mitmproxys, spoil_with_rubbish, spoil_with_another_root])
def test_an_authority_that_is_not_ours_is_left_alone(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """mitmproxy's own CA, rubbish, two that do not belong together: an error each time, and the file stays."""
    spoil(tmp_path)
    before = (tmp_path / trust.KEY_FILE).read_bytes()
    for attempt in (ensure_authority, renew):
        with pytest.raises(TrustError, match="left alone"):
            attempt(tmp_path, DOMAINS)
    assert before == (tmp_path / trust.KEY_FILE).read_bytes()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be gives one sentence."""
    (tmp_path / "ca").write_text("")
    with pytest.raises(TrustError, match="cannot"):
        ensure_authority(tmp_path / "ca", DOMAINS)


def test_the_root_file_heals(tmp_path: Path) -> None:
    """Deleted or changed, the file of trust comes back as it was."""
    made = ensure_authority(tmp_path, DOMAINS)
    before = made.certificate.read_bytes()
    made.certificate.unlink()
    assert before == ensure_authority(tmp_path, DOMAINS).certificate.read_bytes()
    made.certificate.write_text("changed")
    assert before == ensure_authority(tmp_path, DOMAINS).certificate.read_bytes()


_MAKE = """
import sys
from pathlib import Path
from isartor_addon.trust.authority import ensure_authority
print("ready", flush=True)
sys.stdin.readline()
print(ensure_authority(Path(sys.argv[1]), ["api.openai.com"]).fingerprint)
"""


def test_processes_that_start_together_share_one_authority(tmp_path: Path) -> None:
    """Six processes let loose at once give the same fingerprint, and leave no other file behind."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKE, str(tmp_path / "ca")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0].strip() for process in started}
    assert {ensure_authority(tmp_path / "ca", ()).fingerprint} == said
    assert {trust.KEY_FILE, trust.CERTIFICATE_FILE} == {file.name for file in (tmp_path / "ca").iterdir()}


def test_mitmproxy_loads_it(tmp_path: Path) -> None:
    """With this `confdir` mitmproxy signs with our issuer, and sends the chain up to our root."""
    made: Authority = ensure_authority(tmp_path, DOMAINS)
    before = (tmp_path / trust.KEY_FILE).read_bytes()
    entry = CertStore.from_store(tmp_path, "mitmproxy", 2048).get_cert(
        "api.openai.com", [x509.DNSName("api.openai.com")]
    )
    issuer, root = certificates(tmp_path)
    entry.cert.to_cryptography().verify_directly_issued_by(issuer)
    assert [issuer, root] == [one.to_cryptography() for one in entry.chain_certs]
    assert (tmp_path / trust.KEY_FILE) == entry.chain_file
    assert before == (tmp_path / trust.KEY_FILE).read_bytes()
    assert made == read_authority(tmp_path)
