"""The response object of the OpenAI Responses API, read and written.

Source: the response object of the OpenAI API reference. Everything but `id`, `model`, `output` and `usage` is the
Reply's `extra`, so a reply of this wire is written back field by field as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from isartor_addon.core.errors import BadReply
from isartor_addon.core.prompt import Json
from isartor_addon.core.reply import Reply, Stop, StopReason, Usage, without
from isartor_addon.wire.fields import count, rest, said
from isartor_addon.wire.openai_responses_items import read_output, write_output

_CUT: Final[Mapping[str, StopReason]] = {"max_output_tokens": "length", "content_filter": "filter"}
_CALLS: Final = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    }
)
"""Items with which the model waits for the client."""


def read_response(body: Json) -> Reply:
    """
    Read a response object.

    Raises:
        BadReply: it is none, it is an error, or it is not finished.
    """
    whole = said.object(body, "the response")
    status = whole.get("status")
    if whole.get("error") is not None or status not in ("completed", "incomplete", None):
        raise BadReply(f"the response is {status or 'an error'}: {failure(whole)}")
    output = said.items(whole.get("output"), "output")
    model = whole.get("model")
    usage = whole.get("usage")
    known = ["id", "model", "output", *(["usage"] if isinstance(usage, dict) else ())]
    return Reply(
        id=said.text(whole.get("id"), "id"),
        model=model if isinstance(model, str) else "",
        parts=read_output(output),
        stop=_read_stop(whole, output),
        usage=read_usage(usage) if isinstance(usage, dict) else Usage(),
        extra={"object": "response", **rest(whole, known)},
    )


def failure(body: Mapping[str, Json]) -> str:
    """What an error says, for people; cut to a length that fits a log."""
    error = body.get("error", body)
    message = error.get("message") if isinstance(error, dict) else error
    return str(message)[:200]


def read_usage(usage: Mapping[str, Json]) -> Usage:
    """Read the token counts; what is missing or nonsense is None."""
    given, made = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    given = given if isinstance(given, dict) else {}
    made = made if isinstance(made, dict) else {}
    cached, written = count(given.get("cached_tokens")), count(given.get("cache_write_tokens"))
    return Usage(
        input=without(count(usage.get("input_tokens")), cached, written),
        output=count(usage.get("output_tokens")),
        cache_read=cached,
        cache_write=written,
        reasoning=count(made.get("reasoning_tokens")),
        extra=usage,
    )


def _read_stop(body: Mapping[str, Json], output: Sequence[Json]) -> Stop:
    if body.get("status") == "incomplete":
        details = body.get("incomplete_details")
        reason = str(details.get("reason")) if isinstance(details, dict) else "incomplete"
        return Stop(_CUT.get(reason, "other"), reason)
    if any(_refuses(item) for item in output):
        return Stop("refusal", "refusal")
    calls = any(isinstance(item, dict) and str(item.get("type")) in _CALLS for item in output)
    return Stop("tool" if calls else "end", "completed")


def _refuses(item: Json) -> bool:
    content = item.get("content") if isinstance(item, dict) and item.get("type") == "message" else None
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "refusal" for part in content
    )


def write_response(reply: Reply) -> dict[str, Json]:
    """
    Write a response object.

    Raises:
        Untranslatable: a part is another wire's opaque content, or nothing a model of this wire gives.
    """
    output = write_output(reply.parts, reply.id)
    if reply.extra.get("object") == "response":
        named: dict[str, Json] = {"id": reply.id, **({"model": reply.model} if reply.model else {})}
        usage = {"usage": dict(reply.usage.extra)} if reply.usage.extra else {}
        return {**named, **reply.extra, "output": output, **usage}
    created = reply.extra.get("created")
    cut = {reason: raw for raw, reason in _CUT.items()}.get(reply.stop.reason)
    return {
        "id": reply.id,
        "object": "response",
        "created_at": created if isinstance(created, int) else 0,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": _write_usage(reply.usage),
    }


def _write_usage(usage: Usage) -> Json:
    if usage.prompt is None and usage.output is None:
        return None
    given, made = usage.prompt or 0, usage.output or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + made,
    }
