"""What went wrong with an attempt, and what may be done about it.

| what | the same target again | then |
|---|---|---|
| no connection, 408, 429, 5xx, 529, overloaded, cut before the first delta | yes, after a pause | the next target |
| no answer in time, or garbage | no: it may have been worked on, and billed | the next target |
| our key is refused (401, 403) or has no credit (402) | with the pool's next key | the next target |
| the command that prints our key prints none | with the pool's next key | the next target |
| it may not be sent there: our key is not for that host, we are offline, it is this proxy | no | the next target |
| a fault of ours in asking or reading it | no | the next target |
| 400, 404 and other 4xx from a provider that we chose | no | the next target: it may be the translation's fault |
| 4xx from the client's own provider, except 402, 408, 429 | no | nobody: the client hears its own error at once |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from isartor_addon.core.redact import redact

if TYPE_CHECKING:
    from isartor_addon.layers.cloud.plan import Target

Kind = Literal[
    "connect",
    "timeout",
    "status",
    "garbled",
    "cut",
    "untranslatable",
    "withheld",
    "quota",
    "no_key",
    "keyless",
    "fault",
]

_RETRYABLE = frozenset({408, 425, 429})
_NOT_THE_REQUESTS_FAULT = _RETRYABLE | {402}
_BY_NAME: Mapping[str, int] = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "billing_error": 402,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "server_error": 500,
    "server_is_overloaded": 529,
    "slow_down": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 402,
}
"""Errors by the name that stands in their body (OpenAI, Anthropic, Gemini) to the status that says the same: in a
stream there is no other status than the 200 it began with, and an exhausted account is no reason to ask again.
"""
_LONGEST_DETAIL = 300
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt came to nothing."""

    status: int
    """HTTP status; 0: there was no reply."""
    kind: Kind
    retry_after_s: float | None = None
    """How long the provider wants to be left alone."""
    detail: str = ""
    """One line for people, without credentials."""
    target: Target | None = field(default=None, repr=False)
    """Whose it was; the chain fills it in."""
    key: str = ""
    """The key it was asked with, by its name; the chain fills it in."""

    @property
    def retryable(self) -> bool:
        """Whether the same target may be asked again."""
        if self.kind == "status":
            return self.status in _RETRYABLE or self.status >= 500
        return self.kind in ("connect", "cut")

    @property
    def provider_is_ill(self) -> bool:
        """Whether it tells of the provider's health, and not of this request or this key."""
        if self.kind == "status":
            return self.status == 408 or self.status >= 500
        return self.kind in ("connect", "timeout", "garbled", "cut")

    @property
    def concerns_key(self) -> bool:
        """Whether another key of the same provider may do better."""
        return self.kind == "keyless" or (self.kind == "status" and self.status in (401, 402, 403, 429))

    @property
    def clients_own_making(self) -> bool:
        """Whether, coming from the client's own provider, it says that this request is not to be served at all."""
        return self.kind == "status" and 400 <= self.status < 500 and self.status not in _NOT_THE_REQUESTS_FAULT

    def __str__(self) -> str:
        return f"{self.status}" if self.kind == "status" else self.kind


def failure_of(status: int, headers: Mapping[str, str], body: bytes, *, unix_time: float) -> Failure:
    """
    What an error reply says, or an error event inside a stream that has shown nothing yet.

    Args:
        status: as received; of an error event the stream's own, 200.
        headers: names in lower case.
        body: the whole of it, or as much as was read; the event's data.
        unix_time: now, for `Retry-After` dates.
    """
    error = _error_of(body)
    named = next((_BY_NAME[name] for name in error.names if name in _BY_NAME), None)
    if status < 400:
        status = named or 500
    elif named == 402 and status == 429:
        status = 402
    wait_s = retry_after(headers, unix_time=unix_time)
    detail = redact(" ".join(error.message.split()))[:_LONGEST_DETAIL]
    return Failure(status, "status", wait_s if wait_s is not None else error.retry_s, detail)


def retry_after(headers: Mapping[str, str], *, unix_time: float) -> float | None:
    """
    Seconds that `Retry-After` asks for, whether it says seconds or a date (RFC 9110, 10.2.3), or `retry-after-ms`.

    Returns:
        At least 0; None where nothing is asked for, or nothing that can be understood.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if _SECONDS.fullmatch(said):
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - unix_time)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class _Error:
    names: tuple[str, ...] = ()
    message: str = ""
    retry_s: float | None = None


def _error_of(body: bytes) -> _Error:
    """The error object in `body`, whichever provider wrote it; text that is no JSON is the message."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _Error(message=body[: 4 * _LONGEST_DETAIL].decode("utf-8", "replace"))
    if isinstance(document, list) and document:  # Gemini answers so where a JSON array was asked for
        document = document[0]
    if not isinstance(document, dict):
        return _Error()
    if isinstance(document.get("response"), dict):  # Responses: `response.failed`
        document = document["response"]
    error = document.get("error", document)
    if isinstance(error, str):
        return _Error(message=error)
    if not isinstance(error, dict):
        return _Error()
    names = tuple(value for value in map(error.get, ("code", "type", "status")) if isinstance(value, str))
    message = error.get("message")
    return _Error(names, message if isinstance(message, str) else "", _retry_delay(error.get("details")))


def _retry_delay(details: object) -> float | None:
    """Google's `RetryInfo`: `{"retryDelay": "34s"}` among the details."""
    for each in details if isinstance(details, list) else ():
        said = each.get("retryDelay") if isinstance(each, dict) else None
        if isinstance(said, str) and _SECONDS.fullmatch(said.removesuffix("s")):
            return float(said.removesuffix("s"))
    return None
