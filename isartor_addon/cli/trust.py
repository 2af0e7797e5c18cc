"""Show Isartor's certificate authority, put it into the system's store of trusted roots, or take it out again.

Tools that run with `isartor env` or `isartor run` trust it without that. It can sign for the domains of LLM providers
and for nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from isartor_addon.cli.printing import print_fields, print_json
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.config.places import Places, places
from isartor_addon.core.errors import TrustError
from isartor_addon.trust.authority import Authority, covers, ensure_authority, read_authority, renew
from isartor_addon.trust.bundle import combined_bundle
from isartor_addon.trust.system_store import install, installed, remove
from isartor_addon.wire.hosts import domains


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--install", action="store_true", help="make the system trust it (asks for rights)")
    action.add_argument("--remove", action="store_true", help="take it out of the system's store")
    action.add_argument("--renew", action="store_true", help="make a new one, which must be trusted anew")
    action.add_argument("--print", action="store_true", help="print the root as PEM")
    action.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    config = config_of(arguments)
    at, names = places(config), domains(config.hosts)
    if arguments.remove:
        return _remove(at)
    if arguments.renew:
        _remove(at)
        authority = renew(at.ca, names)
    else:
        authority = ensure_authority(at.ca, names)
    combined_bundle(at.ca)
    if arguments.print:
        print(authority.certificate.read_text(encoding="ascii"), end="")
        return 0
    if arguments.install:
        install(authority)
    document = _describe(authority, at, names)
    (print_json if arguments.json else _print)(document)
    return 0


def _remove(at: Places) -> int:
    authority = read_authority(at.ca)
    if authority is None:
        print(f"there is no certificate authority in {at.ca}")
        return 0
    if _state(authority) is not False:
        remove(authority)
    print(f"the system does not trust {authority.name}; its files stay in {at.ca}")
    return 0


def _state(authority: Authority) -> bool | str:
    """Whether the system trusts it, or why that is not known."""
    known: Callable[[Authority], bool] = installed
    try:
        return known(authority)
    except TrustError as error:
        return str(error)


def _describe(authority: Authority, at: Places, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": authority.name,
        "sha256": authority.fingerprint,
        "expires": authority.not_after.date().isoformat(),
        "certificate": str(authority.certificate),
        "bundle": str(at.bundle),
        "domains": list(authority.domains),
        "not covered": covers(authority, names),
        "system": _state(authority),
    }


def _print(document: dict[str, Any]) -> None:
    shown = {name: value for name, value in document.items() if name != "not covered"}
    shown["domains"] = f"{len(document['domains'])}, and nothing else"
    shown["system"] = {True: "trusts it", False: "does not trust it"}.get(document["system"], document["system"])
    if document["not covered"]:
        shown["not covered"] = ", ".join(document["not covered"]) + " (`isartor trust --renew`)"
    print_fields(shown)
