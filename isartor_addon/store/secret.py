"""The secret of this installation: what callers are hashed with, so that a stored key tells nobody's credential."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from isartor_addon.config.private import make_directory
from isartor_addon.core.errors import StoreError
from isartor_addon.store.lock import locked

LENGTH = 32


def load_secret(path: Path) -> bytes:
    """
    Read the secret, or make it: random; its mode is 0600 from then on. Processes that start at once agree on one.

    Returns:
        32 bytes.

    Raises:
        StoreError: it cannot be read or made, or the file holds something else.
    """
    with suppress(OSError):
        held = path.read_bytes()
        if len(held) == LENGTH:
            with suppress(OSError):  # a home that may only be read
                path.chmod(0o600)
            return held
    try:
        make_directory(path.parent)
        with locked(path) as fd:
            os.lseek(fd, 0, os.SEEK_SET)
            held = os.read(fd, LENGTH + 1)
            if not held:
                held = secrets.token_bytes(LENGTH)
                os.write(fd, held)
                os.fsync(fd)
    except OSError as error:
        raise StoreError(f"the secret {path} cannot be used: {error.strerror}") from error
    if len(held) != LENGTH:
        raise StoreError(f"the secret {path} is damaged; remove it, and answers stored until now are no longer found")
    path.chmod(0o600)
    return held
