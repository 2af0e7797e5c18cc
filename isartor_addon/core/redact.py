"""Take credentials out of text before anybody else sees it."""

from __future__ import annotations

import re

REMOVED = "[removed]"

_HEADERS = (
    "authorization|proxy-authorization|x-api-key|api-key|x-goog-api-key|x-auth-token|x-amz-security-token|"
    "set-cookie2?|cookie|x-csrf-token|openai-api-key|anthropic-api-key"
)
_FIELDS = (
    "api[_-]?key|access[_-]?token|refresh[_-]?token|id[_-]?token|auth[_-]?token|client[_-]?secret|session[_-]?token|"
    "secret[_-]?(?:access[_-]?)?key|password|bearer"
)
_QUOTE = r"[\"'\\]{0,4}"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A credential header in any notation: `name: value`, `'name': 'value'`, `(b'name', b'value')`, `name=value`. The
    # value goes to the end of its quotes, or where there are none to the end of the line.
    (
        re.compile(
            rf"((?:{_HEADERS}){_QUOTE}[ \t]*[:=,][ \t]*b?)(?:(\\?[\"'])(?:(?!\2)[^\n])*(?:\2)?|[^\"'\s][^\n]*)", re.I
        ),
        rf"\1{REMOVED}",
    ),
    # A field or variable with a credential's name: `api_key=...`, `"access_token": "..."`, `OPENAI_API_KEY=...`.
    (
        re.compile(rf"((?:{_FIELDS}){_QUOTE}[ \t]*[:=][ \t]*b?{_QUOTE})(?!\[removed\])[^\s\"'\\&,;)}}\]]+", re.I),
        rf"\1{REMOVED}",
    ),
    # `?key=...` and its kin.
    (re.compile(r"([?&;](?:key|token|sig|signature|code|auth|apikey)=)[^&\s\"'#]+", re.I), rf"\1{REMOVED}"),
    # `Bearer ...`, `Basic ...`
    (
        re.compile(r"\b(bearer|basic|token)([ \t]+)(?=[^\s\"',;]{8})(?!\[removed\])[^\s\"',;)}\]]+", re.I),
        rf"\1\2{REMOVED}",
    ),
    # Credentials that show by themselves what they are.
    (re.compile(r"eyJ[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]*)*"), REMOVED),
    (
        re.compile(
            r"(?:sk|pk|rk|gsk|xai|pplx|r8|hf|nvapi|csk|fw|tvly|glpat|xox[abeprs]|sess|ak|lsv2_pt|dop_v1)"
            r"[-_](?=[A-Za-z0-9_-]{0,80}[0-9])[A-Za-z0-9_-]{12,}"
        ),
        REMOVED,
    ),
    (re.compile(r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{12,}"), REMOVED),
    (re.compile(r"AIza[A-Za-z0-9_-]{16,}"), REMOVED),
    (re.compile(r"(?:ya29\.|AQ\.)[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)*"), REMOVED),
    (re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}"), REMOVED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), REMOVED),
)


def redact(text: str) -> str:
    """`text` with every credential in it replaced. What merely looks like one goes too."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
