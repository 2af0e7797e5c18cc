"""Caller: who the provider bills, as a hash that tells nobody the credential."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from hashlib import blake2b

import orjson

from isartor_addon.core.prompt import Json

_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_QUERY_CREDENTIALS = ("key", "api_key", "api-key", "access_token")
_PAYERS = ("openai-organization", "openai-project", "x-goog-user-project", "chatgpt-account-id", "x-hf-bill-to")
"""Headers that choose who pays, among those whom the credential may charge."""
_OTHER_CREDENTIALS = ("api-key", "apikey", "authorization", "auth", "token", "subscription-key", "cookie")
"""How the names of credentials end that are not in the table. Sought only where the table finds nothing."""
_ROTATING = ("sk-ant-oat", "ya29.")
"""Opaque OAuth tokens (Anthropic, Google): they do not say whose they are, the tool may."""
_OPENAI = "https://api.openai.com/auth"


def caller(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    *,
    secret: bytes,
    trusted: bool,
    account: str,
    tenant: str,
    user: str,
) -> str:
    """
    Name who the provider bills.

    An API key counts as it is. An OAuth token, which is refreshed every hour or so, counts as the account it says it is
    of (JWT claims, Copilot's `tid`) or that its tool declares, but only where nobody gains by lying: from this machine
    itself (`trusted`) or from a `user` whom the proxy has authenticated; everywhere else the token itself counts.

    Args:
        headers: the request's, names in lower case.
        query: the request's.
        secret: keys the hash; 1 to 64 bytes.
        trusted: whether the sender is on this machine, and so may say which account it is.
        account: the account that the tool declares; empty where it declares none.
        tenant: separates callers within one account; empty where not used.
        user: whom the proxy itself has authenticated; empty where it has not.

    Returns:
        32 hex digits.
    """
    state = blake2b(key=secret, digest_size=16)
    believed = trusted or bool(user)
    whose = sorted({_whose(token, account) if believed else token for token in _credentials(headers, query)})
    payers = [f"{name}={headers[name]}" for name in _PAYERS if headers.get(name)]
    for part in (user, tenant, "\n".join(payers), *(whose or ["none"])):
        data = part.encode("utf-8", "surrogateescape")
        state.update(len(data).to_bytes(8))
        state.update(data)
    return state.hexdigest()


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> list[str]:
    found = [_bare(headers[name]) for name in _CREDENTIALS if headers.get(name)]
    found += [query[name] for name in _QUERY_CREDENTIALS if query.get(name)]
    return found or [headers[name] for name in headers if _may_be_credential(name) and headers[name]]


def _may_be_credential(name: str) -> bool:
    return name.endswith(_OTHER_CREDENTIALS) and not name.startswith("proxy-")


def _bare(credential: str) -> str:
    scheme, _, token = credential.partition(" ")
    return token.strip() if token and scheme.lower() in ("bearer", "token") else credential


def _whose(token: str, account: str) -> str:
    """The stable account behind a token, or the token where there is none."""
    if account and token.startswith(_ROTATING):
        return f"{token[:4]} account {account}"
    if token.startswith("tid="):
        tid = token[4:].partition(";")[0]
        return f"copilot account {tid}" if tid else token
    if token.startswith("eyJ"):
        return "\n".join(_claims(token)) or token
    return token


def _claims(token: str) -> Iterator[str]:
    """What a JSON Web Token that expires says of its owner. One that does not expire is an API key."""
    claims = _payload(token)
    if "exp" not in claims:
        return
    openai = claims.get(_OPENAI)
    of_openai = openai if isinstance(openai, dict) else {}
    owner = {
        "sub": claims.get("sub"),
        "account": of_openai.get("chatgpt_account_id"),
        "user": of_openai.get("chatgpt_user_id"),
        # One person may act for several organisations.
        **{name: claims.get(name) for name in ("org_id", "tid")},
    }
    if owner["sub"] or owner["account"]:
        yield f"issuer {claims.get('iss')}"
        yield from (f"{name} {value}" for name, value in owner.items() if value)


def _payload(token: str) -> Mapping[str, Json]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
