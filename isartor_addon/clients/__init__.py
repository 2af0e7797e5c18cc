"""The coding tools and SDKs, one file each, and what is read off a request to know them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from isartor_addon.clients import (
    aider,
    anthropic_sdk,
    claude_code,
    cline,
    codex,
    continue_dev,
    copilot,
    cursor,
    gemini_cli,
    generic,
    google_genai,
    kiro,
    langchain,
    openai_agents,
    openai_sdk,
    openclaw,
    opencode,
    qwen_code,
)
from isartor_addon.core.client import Client, Declared, at, check_table
from isartor_addon.core.prompt import Json

CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        claude_code.CLIENT,
        codex.CLIENT,
        copilot.CLIENT,
        gemini_cli.CLIENT,
        opencode.CLIENT,
        qwen_code.CLIENT,
        cline.CLIENT,
        continue_dev.CLIENT,
        aider.CLIENT,
        cursor.CLIENT,
        kiro.CLIENT,
        openclaw.CLIENT,
        openai_agents.CLIENT,
        langchain.CLIENT,
        openai_sdk.CLIENT,
        anthropic_sdk.CLIENT,
        google_genai.CLIENT,
        generic.CLIENT,
    )
}
"""All of them by name; the last is for everything else."""

_BY_HEADER = {header: client for client in CLIENTS.values() for header in client.headers}
_BY_AGENT = tuple((agent, client) for client in CLIENTS.values() for agent in client.agents)
_AGENTS = tuple(agent for agent, _ in _BY_AGENT)
_ID = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9_.:+=@\-]{8,256}")

for _client in CLIENTS.values():
    check_table(_client.volatile)


def recognise(headers: Mapping[str, str]) -> Client:
    """
    Which tool sends a request.

    Args:
        headers: the request's, names in lower case.
    """
    for name in headers:
        if name in _BY_HEADER:
            return _BY_HEADER[name]
    agent = headers.get("user-agent", "").lower()
    if agent.startswith(_AGENTS):
        return next(client for prefix, client in _BY_AGENT if agent.startswith(prefix))
    return generic.CLIENT


def run_ids(client: Client, headers: Mapping[str, str], body: Mapping[str, Json]) -> dict[str, str]:
    """
    The ids of its run that a request declares, by name.

    What is shorter than 8 characters, or has no digit, or holds anything but letters, digits and `_.:+=@-`, is no id.
    """
    found: dict[str, str] = {}
    for name, places in client.run_ids.items():
        value = next((said for said in _said(places, headers, body) if _ID.fullmatch(said)), "")
        if value:
            found[name] = value
    return found


def account(client: Client, headers: Mapping[str, str], body: Mapping[str, Json]) -> str:
    """The account that a request declares, empty where it declares none."""
    return next(_said(client.account, headers, body), "")


def _said(places: Iterable[Declared], headers: Mapping[str, str], body: Mapping[str, Json]) -> Iterator[str]:
    for place in places:
        value = headers.get(place.header) if place.header else at(body, place.body)
        if value and isinstance(value, str):
            yield value
