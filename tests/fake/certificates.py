"""Certificates of the fake internet: one authority, a leaf for every name that is asked for."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "Fake Internet Authority"


class Authority:
    """Issues certificates; made new for every run, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        self._contexts: dict[tuple[str, tuple[str, ...]], ssl.SSLContext] = {}
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            self._builder(self._name, self._key).add_extension(constraint, True).add_extension(usage, True)
        ).sign(self._key, hashes.SHA256())
        self.path = folder / "fake-internet.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        )

    def server(self, *protocols: str) -> ssl.SSLContext:
        """A server's context for `protocols` that shows the certificate of whatever name the client asks for."""
        context = self._context("localhost", protocols)

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            connection.context = self._context(name or "localhost", protocols)

        context.sni_callback = choose
        return context

    def _context(self, host: str, protocols: tuple[str, ...]) -> ssl.SSLContext:
        if (host, protocols) not in self._contexts:
            path = self.leaf(host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
            if protocols:
                context.set_alpn_protocols(list(protocols))
            self._contexts[host, protocols] = context
        return self._contexts[host, protocols]

    def leaf(self, host: str) -> Path:
        """A new certificate for `host`, in a file behind its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName([name]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        ).sign(self._key, hashes.SHA256())
        path = self._folder / f"leaf-{len(self._contexts)}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return path
