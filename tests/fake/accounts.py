"""Account, catalogue and policy routes that real tools ask before they talk to a model."""

from __future__ import annotations

import re

from tests.fake.model import EPOCH, Json
from tests.fake.plan import Asked, Said, whole

COPILOT = "https://api.individual.githubcopilot.com"
FAR = EPOCH * 2 + 600_000_000
"""An expiry that never comes."""

_OPENAI_MODELS = ("gpt-5.5", "gpt-5.3-codex", "gpt-5.1", "gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini", "gpt-4.1")
_CLAUDE_MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5")
_COPILOT_MODELS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("claude-sonnet-5.5", "Anthropic", ("/chat/completions", "/v1/messages")),
    ("claude-sonnet-4.5", "Anthropic", ("/chat/completions", "/v1/messages")),
    ("gpt-5.5", "OpenAI", ("/responses", "ws:/responses")),
    ("gpt-5-mini", "Azure OpenAI", ("/chat/completions", "/responses")),
    ("gpt-4.1", "Azure OpenAI", ("/chat/completions",)),
)


def account(asked: Asked) -> Said | None:
    """What is known about an account; None where nothing is."""
    if asked.method == "GET" and (asked.path.endswith("/models") or "/models/" in asked.path):
        return _models(asked)
    if asked.path == "/api/tags":
        return whole({"models": [{"name": "llama3:latest", "model": "llama3:latest"}]})
    if asked.path.startswith("/backend-api/wham/"):
        return whole(_CHATGPT_ACCOUNTS if asked.path.endswith("/accounts/check") else {})
    if asked.host == "api.github.com" or asked.host.endswith("githubcopilot.com"):
        return _github(asked.path)
    return None


def _models(asked: Asked) -> Said:
    one = re.search(r"/models/([^/]+)$", asked.path)
    if asked.host.endswith("githubcopilot.com") and not one:
        return whole({"object": "list", "data": [_copilot_model(*each) for each in _COPILOT_MODELS]})
    if "/v1beta/" in asked.path:
        return whole({"models": [{"name": f"models/{name}", "displayName": name} for name in ("gemini-2.5-flash",)]})
    if one:
        named: Json = {"id": one[1], "object": "model", "type": "model", "display_name": one[1]}
        return whole(named | {"created": EPOCH, "created_at": "2025-06-01T00:00:00Z"})
    if "anthropic" in asked.host:
        data = [
            {"type": "model", "id": n, "display_name": n, "created_at": "2025-06-01T00:00:00Z"} for n in _CLAUDE_MODELS
        ]
        return whole({"data": data, "has_more": False, "first_id": _CLAUDE_MODELS[0], "last_id": _CLAUDE_MODELS[-1]})
    listed: list[Json] = [
        {"id": name, "object": "model", "created": EPOCH, "owned_by": "fake"} for name in _OPENAI_MODELS
    ]
    return whole({"object": "list", "data": listed, "models": []})


def _copilot_model(name: str, vendor: str, endpoints: tuple[str, ...]) -> Json:
    limits = {"max_context_window_tokens": 200000, "max_output_tokens": 64000, "max_prompt_tokens": 136000}
    supports = {"streaming": True, "tool_calls": True, "parallel_tool_calls": True, "structured_outputs": True}
    return {
        "id": name,
        "name": name,
        "object": "model",
        "vendor": vendor,
        "version": name,
        "preview": False,
        "model_picker_enabled": True,
        "is_chat_default": name == "gpt-4.1",
        "is_chat_fallback": name == "gpt-4.1",
        "policy": {"state": "enabled", "terms": ""},
        "billing": {"is_premium": False, "multiplier": 0},
        "supported_endpoints": list(endpoints),
        "capabilities": {
            "family": name,
            "object": "model_capabilities",
            "type": "chat",
            "tokenizer": "o200k_base",
            "limits": limits,
            "supports": {**supports, "vision": False},
        },
    }


_CHATGPT_ACCOUNTS = {
    "accounts": [
        {
            "id": "acc-fake",
            "account_user_id": "user-fake__acc-fake",
            "name": None,
            "structure": "personal",
            "plan_type": "plus",
            "is_deactivated": False,
            "account_user_role": "account-owner",
            "profile_picture_url": None,
            "workspace_backend_origin": "https://chatgpt.com",
            "account_routing_override": "NO_CONSTRAINT",
        }
    ],
    "account_ordering": ["acc-fake"],
    "default_account_id": "acc-fake",
}


def _github(path: str) -> Said | None:
    endpoints = dict.fromkeys(("api", "origin-tracker", "proxy", "telemetry"), COPILOT)
    plan = {"chat_enabled": True, "sku": "plus_monthly_subscriber", "endpoints": endpoints}
    if path in ("/user", "/api/v3/user"):
        user = {"login": "tester", "id": 1, "type": "User", "name": "Tester"}
        return whole(user, headers={"X-OAuth-Scopes": "copilot, read:user"})
    if path.endswith("/copilot_internal/user"):
        return whole(
            {
                **plan,
                "login": "tester",
                "access_type_sku": "plus_monthly_subscriber",
                "analytics_tracking_id": "fake",
                "assigned_date": None,
                "can_signup_for_limited": False,
                "copilot_plan": "individual_pro",
                "organization_login_list": [],
                "organization_list": [],
                "is_mcp_enabled": True,
                "quota_reset_date": "2099-01-01",
                "quota_snapshots": {name: _quota(name) for name in ("chat", "completions", "premium_interactions")},
            }
        )
    if path.endswith("/copilot_internal/v2/token"):
        return whole({**plan, "token": f"tid=fake;exp={FAR};chat=1:fake", "expires_at": FAR, "refresh_in": 1500})
    if path.endswith("/models/session"):
        session = {"available_models": ["gpt-4.1"], "selected_model": "gpt-4.1", "session_token": "fake"}
        return whole({**session, "expires_at": FAR, "discounted_costs": {}})
    return None


def _quota(name: str) -> Json:
    return {
        "quota_id": name,
        "entitlement": 1500,
        "overage_count": 0,
        "overage_permitted": True,
        "percent_remaining": 100.0,
        "quota_remaining": 1500.0,
        "remaining": 1500,
        "unlimited": True,
    }
