"""Credentials at rest: one file of sealed secrets, by name.

Each secret is sealed with AES-256-GCM, its name bound in, so that none can be put in another's place. The sealing key
is one of two, chosen by how the first secret was stored:

* a random key in the file beside it, `vault.key` (0600). That protects a vault that is copied, committed or backed up
  without its key. It protects from nobody who can read this user's files: the proxy must be able to start alone.
* a passphrase in the environment (`ISARTOR_VAULT_PASSPHRASE`), stretched by scrypt. Then the files alone are worth
  nothing; whoever can read the proxy's environment or memory still has everything.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from isartor_addon.config.private import make_directory, write_file
from isartor_addon.core.errors import StoreError
from isartor_addon.store.lock import locked
from isartor_addon.store.secret import load_secret

_VERSION = 1
_NONCE = 12
_SALT = 16
_COST = 1 << 15
"""Of scrypt, with blocks of 8: 32 MiB and some tens of milliseconds."""


class Vault:
    """
    The secrets of one home directory.

    Nothing is made before the first secret is stored. Processes that write at once wait for each other.
    """

    def __init__(self, home: Path, *, passphrase: str = "") -> None:
        self._path = home / "vault.json"
        self._key_path = home / "vault.key"
        self._passphrase = passphrase
        self._keys: dict[str, bytes] = {}
        """Stretched passphrases by salt."""

    def names(self) -> tuple[str, ...]:
        """
        The names of all secrets, sorted.

        Raises:
            StoreError: the vault cannot be read.
        """
        return tuple(sorted(self._read()["secrets"]))

    def get(self, name: str) -> str | None:
        """
        The secret `name`, None if there is none.

        Raises:
            StoreError: the vault cannot be read, or not opened with this key or passphrase.
        """
        document = self._read()
        sealed = document["secrets"].get(name)
        return None if sealed is None else self._open(name, sealed, self._key(document))

    def put(self, name: str, secret: str) -> None:
        """
        Store a secret, in place of any other of that name.

        Raises:
            StoreError: the vault cannot be written, or is sealed with another key or passphrase.
        """
        with self._alone():
            document = self._read()
            if not document["secrets"]:
                document["salt"] = base64.b64encode(secrets.token_bytes(_SALT)).decode() if self._passphrase else ""
            key = self._key(document)
            for known, sealed in document["secrets"].items():  # one vault has one key
                self._open(known, sealed, key)
            nonce = secrets.token_bytes(_NONCE)
            sealed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), name.encode())
            document["secrets"][name] = base64.b64encode(sealed).decode()
            self._write(document)

    def remove(self, name: str) -> bool:
        """
        Forget a secret; False if there was none. The key is not needed for that.

        Raises:
            StoreError: the vault cannot be read or written.
        """
        with self._alone():
            document = self._read()
            if document["secrets"].pop(name, None) is None:
                return False
            self._write(document)
            return True

    def _alone(self) -> AbstractContextManager[int]:
        make_directory(self._path.parent)
        return locked(self._path.with_suffix(".lock"))

    def _key(self, document: Mapping[str, Any]) -> bytes:
        salt = document["salt"]
        if bool(salt) != bool(self._passphrase):
            wanted = "the passphrase in ISARTOR_VAULT_PASSPHRASE" if salt else "its key file and no passphrase"
            raise StoreError(f"the vault {self._path} is opened by {wanted}")
        if not salt:
            return load_secret(self._key_path)
        if salt not in self._keys:
            kdf = Scrypt(salt=base64.b64decode(salt), length=32, n=_COST, r=8, p=1)
            self._keys[salt] = kdf.derive(self._passphrase.encode())
        return self._keys[salt]

    def _open(self, name: str, sealed: str, key: bytes) -> str:
        try:
            content = base64.b64decode(sealed, validate=True)
            return AESGCM(key).decrypt(content[:_NONCE], content[_NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise StoreError(
                f"the secret {name} in {self._path} cannot be opened: another key or passphrase, or a damaged file"
            ) from None

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {"version": _VERSION, "salt": "", "secrets": {}}
        except OSError as error:
            raise StoreError(f"the vault {self._path} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError):
            raise StoreError(f"the vault {self._path} is damaged") from None
        if not _is_vault(document):
            raise StoreError(f"the vault {self._path} is damaged, or of a newer version")
        found: dict[str, Any] = document
        return found

    def _write(self, document: Mapping[str, Any]) -> None:
        try:
            write_file(self._path, [json.dumps(document, indent=1).encode()])
        except OSError as error:
            raise StoreError(f"the vault {self._path} cannot be written: {error.strerror}") from error


def _is_vault(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and document.get("version") == _VERSION
        and isinstance(document.get("salt"), str)
        and isinstance(document.get("secrets"), dict)
        and all(isinstance(sealed, str) for sealed in document["secrets"].values())
    )
