from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isartor_addon.core.caller import caller

OPENAI = "https://api.openai.com/auth"
QUICK = settings(max_examples=60)
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20)


def who(
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    *,
    secret: bytes = b"secret",
    trusted: bool = True,
    account: str = "",
    tenant: str = "",
    user: str = "",
) -> str:
    return caller(headers or {}, query or {}, secret=secret, trusted=trusted, account=account, tenant=tenant, user=user)


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


def jwt(**claims: Any) -> str:
    parts = (urlsafe_b64encode(orjson.dumps(each)).decode().rstrip("=") for each in ({"alg": "none"}, claims))
    return ".".join((*parts, "c2ln"))


def chatgpt(account: str, user: str, exp: int) -> str:
    return jwt(
        iss="https://auth.openai.com", sub=user, exp=exp, **{OPENAI: {"chatgpt_account_id": account, "user_id": user}}
    )


def rotating(kind: str, account: str, number: int) -> tuple[dict[str, str], str]:
    """The headers of a request with a fresh token of an account, and the account its tool declares."""
    match kind:
        case "chatgpt":
            return bearer(chatgpt(account, "person", number)), ""
        case "jwt":
            return bearer(jwt(iss="https://id.example.com", sub=account, exp=number)), ""
        case "copilot":
            return bearer(f"tid={account};exp={number};sku=pro:{number:x}"), ""
        case "claude":
            return bearer(f"sk-ant-oat01-{number:032x}"), account
        case _:
            return bearer(f"ya29.{number:032x}"), account


KINDS = st.sampled_from(["chatgpt", "jwt", "copilot", "claude", "google"])
NUMBERS = st.integers(1, 2**60)


@QUICK
@given(KINDS, NAMES, NUMBERS, NUMBERS)
def test_a_refreshed_token_is_the_same_caller(kind: str, account: str, one: int, other: int) -> None:
    """An OAuth token that is refreshed is still its account's."""
    (first, declared), (second, _) = rotating(kind, account, one), rotating(kind, account, other)
    assert who(first, account=declared) == who(second, account=declared)
    assert who(first, account=declared, trusted=False, user="u") == who(
        second, account=declared, trusted=False, user="u"
    )


@QUICK
@given(KINDS, NAMES, NAMES, NUMBERS)
def test_another_account_is_another_caller(kind: str, one: str, other: str, number: int) -> None:
    """Two accounts are two callers, also with tokens of the same moment."""
    (first, declared), (second, declared_second) = rotating(kind, one, number), rotating(kind, other, number)
    assert (one == other) == (who(first, account=declared) == who(second, account=declared_second))


@QUICK
@given(KINDS, NAMES, NUMBERS, NUMBERS)
def test_on_a_shared_proxy_the_token_counts(kind: str, account: str, one: int, other: int) -> None:
    """A claim from elsewhere proves nothing."""
    (first, declared), (second, _) = rotating(kind, account, one), rotating(kind, account, other)
    callers = [who(headers, account=declared, trusted=False) for headers in (first, second)]
    assert (one == other) == (callers[0] == callers[1])


@QUICK
@given(NAMES, NAMES, NAMES, st.booleans())
def test_a_declared_account_merges_no_api_keys(one: str, other: str, account: str, trusted: bool) -> None:
    """Whatever account a tool declares, two API keys are two callers."""
    callers = [who({"x-api-key": f"sk-ant-api03-{key}"}, account=account, trusted=trusted) for key in (one, other)]
    assert (one == other) == (callers[0] == callers[1])


def test_a_declared_account_does_not_change_an_api_keys_caller() -> None:
    """What a key's owner declares is of no matter."""
    assert who(bearer("sk-1"), account="a") == who(bearer("sk-1"), account="b")


@pytest.mark.parametrize("claim", ["org_id", "tid"])
def test_a_person_acting_for_two_organisations_is_two_callers(claim: str) -> None:
    """The same subject in another organisation is billed to that one."""
    tokens = [jwt(iss="https://id.example.com", sub="person", exp=1, **{claim: each}) for each in ("a", "b")]
    assert who(bearer(tokens[0])) != who(bearer(tokens[1]))


@QUICK
@given(NAMES, NAMES)
def test_tenants_and_users_separate(one: str, other: str) -> None:
    """One key, two tenants or two of the proxy's users: two callers, and a tenant is no user."""
    for name in ("tenant", "user"):
        assert (one == other) == (who(bearer("sk-1"), **{name: one}) == who(bearer("sk-1"), **{name: other}))  # type: ignore[arg-type]
    assert who(bearer("sk-1"), tenant=one) != who(bearer("sk-1"), user=one)
    assert who(bearer("sk-1"), tenant=one) != who(bearer("sk-1"))


def test_a_key_is_the_same_wherever_it_stands() -> None:
    """The provider bills a key's owner, by whatever header or parameter it comes."""
    ways = [
        who(bearer("k-1")),
        who({"x-api-key": "k-1"}),
        who({"x-goog-api-key": "k-1"}),
        who({"api-key": "k-1"}),
        who(query={"key": "k-1"}),
    ]
    assert 1 == len(set(ways))


@pytest.mark.parametrize(
    "header", ["openai-organization", "openai-project", "x-goog-user-project", "chatgpt-account-id", "x-hf-bill-to"]
)
def test_who_pays_counts(header: str) -> None:
    """The organisation or project that a request names is billed."""
    callers = {who(bearer("sk-1")), who(bearer("sk-1", **{header: "a"})), who(bearer("sk-1", **{header: "b"}))}
    assert 3 == len(callers)


def test_credentials_that_no_table_names_count() -> None:
    """A gateway's own header, or a cookie, separates callers where nothing else does."""
    for name in ("x-acme-api-key", "x-auth-token", "cookie", "ocp-apim-subscription-key", "cf-aig-authorization"):
        assert 3 == len({who(), who({name: "a"}), who({name: "b"})})
    assert who() == who({"x-other": "a"}) == who({"proxy-authorization": "a"})
    assert who(bearer("sk-1")) == who(bearer("sk-1", cookie="a"))


@pytest.mark.parametrize(
    "token",
    [
        jwt(sub="person", iss="x"),
        "eyJhbGciOiJub25lIn0.!!!.c2ln",
        "eyJhbGciOiJub25lIn0.W10.c2ln",
        jwt(exp=1),
        "tid=;exp=1",
        "sk-ant-oat01-abc",
        "eyJ",
    ],
)
def test_a_token_without_an_account_is_itself(token: str) -> None:
    """Where nothing says whose a token is, or it never expires, another token is another caller."""
    assert who(bearer(token)) != who(bearer(token + "0"))


def test_people_of_one_team_are_two_callers() -> None:
    """A ChatGPT workspace has one account id and many users."""
    assert who(bearer(chatgpt("team", "ann", 1))) != who(bearer(chatgpt("team", "bob", 1)))


def test_the_hash_is_keyed_and_tells_nothing() -> None:
    """Another secret, another hash; 32 hex digits."""
    assert who(bearer("sk-1")) != who(bearer("sk-1"), secret=b"other")
    assert 32 == len(bytes.fromhex(who(bearer("sk-1"))) * 2)


def test_odd_headers_do_not_break_it() -> None:
    """Headers may hold any bytes."""
    assert who(bearer("\udcff")) != who(bearer("\udcfe"))
