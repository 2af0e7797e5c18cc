"""Keys that a command prints: run as the user who runs the proxy, without a shell, and never shown or logged."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from isartor_addon.core.errors import KeyUnknown

PATIENCE_S = 15.0
"""How long a command may take."""
LONGEST = 64 * 1024
_PRIVATE = frozenset({"ISARTOR_VAULT_PASSPHRASE", "ISARTOR_TOKEN"})
"""Variables that are ours alone."""


def split(words: str) -> tuple[str, ...]:
    """
    The words of a command line, quoted as for a POSIX shell; nothing in them is expanded but a `~` at the beginning.

    Raises:
        ValueError: there are none, or a quotation does not end.
    """
    program, *rest = shlex.split(words)
    return os.path.expanduser(program), *rest


def run(command: Sequence[str], *, patience_s: float = PATIENCE_S) -> str:
    """
    What `command` prints; waits for it.

    Raises:
        KeyUnknown: it does not print a key. The message names the program and holds nothing of what it has said.
    """
    program = command[0]
    try:
        done = subprocess.run(  # noqa: S603 - the settings name it
            [shutil.which(program) or program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in _PRIVATE},
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise KeyUnknown(f"the command {program} has printed no key within {patience_s:.0f} s") from None
    except OSError as error:
        raise KeyUnknown(f"the command {program} cannot be run: {error.strerror or type(error).__name__}") from None
    if done.returncode:
        raise KeyUnknown(f"the command {program} has failed with exit code {done.returncode}")
    key = done.stdout.decode("utf-8", "replace").strip()
    if not key or len(key) > LONGEST or not all("!" <= sign <= "~" for sign in key):
        raise KeyUnknown(f"the command {program} has printed no key: it must be one word of printable ASCII")
    return key
