"""The environment in which tools use the proxy and trust its CA, and how each shell writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from isartor_addon.core.client import Client
from isartor_addon.store.running import USER

Shell = Literal["bash", "zsh", "fish", "powershell"]
SHELLS: tuple[Shell, ...] = ("bash", "zsh", "fish", "powershell")

SAVED = "_ISARTOR_SAVED"
"""Holds what our exports replaced, as JSON, so that `--unset` can put it back."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Target:
    """The proxy that tools are to use."""

    proxy: str
    """`host:port`."""
    certificate: Path
    """The root to trust."""
    bundle: Path
    """Every root this machine trusts, and that one."""
    token: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The proxy's address as `HTTPS_PROXY` has it. Tokens are percent-encoded where an address needs it."""
        if not self.token:
            return f"http://{self.proxy}"
        token = re.sub(r"[^A-Za-z0-9._~-]", lambda found: f"%{ord(found[0]):02X}", self.token)
        return f"http://{USER}:{token}@{self.proxy}"


def exports(target: Target, before: Mapping[str, str], clients: Iterable[Client] = ()) -> dict[str, str]:
    """
    The variables to set.

    `HTTP_PROXY` is not among them: LLM providers are reached by HTTPS, and a model server on plain HTTP is on this
    machine or next to it.

    Args:
        target: the proxy.
        before: the environment without our exports (`without_exports`).
        clients: whose own needs are added.
    """
    root, bundle = str(target.certificate), str(target.bundle)
    without = ",".join(dict.fromkeys([*_listed(before, "NO_PROXY"), *_listed(before, "no_proxy"), *_LOOPBACK]))
    variables = {
        "HTTPS_PROXY": target.url,
        "https_proxy": target.url,
        "NO_PROXY": without,
        "no_proxy": without,
        # These replace what the tool trusts.
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "CODEX_CA_CERTIFICATE": bundle,
        # This one is added to what Node trusts; where the user has put something there already, both must be in it.
        "NODE_EXTRA_CA_CERTS": bundle if before.get("NODE_EXTRA_CA_CERTS") else root,
        # Node's own fetch looks at HTTPS_PROXY only with this (Node >= 22.21).
        "NODE_USE_ENV_PROXY": "1",
    }
    for client in clients:
        for name, value in client.environment.items():
            variables.setdefault(
                name, value.replace("{ca}", root).replace("{bundle}", bundle).replace("{proxy}", target.url)
            )
    return {**variables, SAVED: json.dumps({name: before.get(name) for name in variables})}


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return [item.strip() for item in environ.get(name, "").split(",") if item.strip()]


def without_exports(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before our exports."""
    restored = {name: value for name, value in environ.items() if name != SAVED}
    for name, value in saved(environ).items():
        if value is None:
            restored.pop(name, None)
        else:
            restored[name] = value
    return restored


def saved(environ: Mapping[str, str]) -> dict[str, str | None]:
    """What our exports replaced: name to former value, None where there was none. Empty without exports."""
    try:
        held = json.loads(environ.get(SAVED, "{}"))
    except ValueError:
        return {}
    if not isinstance(held, dict):
        return {}
    return {name: value for name, value in held.items() if _NAME.fullmatch(name) and isinstance(value, str | None)}


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def write(variables: Mapping[str, str | None], shell: Shell) -> str:
    """The commands that set variables, or unset those whose value is None; one a line."""
    return "".join(f"{_command(name, value, shell)}\n" for name, value in variables.items())


def _command(name: str, value: str | None, shell: Shell) -> str:
    match shell:
        case "fish":
            return f"set -e {name}" if value is None else f"set -gx {name} {_quote(value, shell)}"
        case "powershell":
            # Assigning $null removes the variable, also one that is not there.
            return f"$env:{name} = {'$null' if value is None else _quote(value, shell)}"
        case _:
            return f"unset {name}" if value is None else f"export {name}={_quote(value, shell)}"


def _quote(value: str, shell: Shell) -> str:
    match shell:
        case "fish":
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case "powershell":
            # PowerShell takes typographic quotes for quotes.
            return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value) + "'"
        case _:
            return "'" + value.replace("'", "'\\''") + "'"
