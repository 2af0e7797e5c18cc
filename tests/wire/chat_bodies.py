"""Bodies of chat completions requests as clients send them, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Bodies = st.SearchStrategy[dict[str, Any]]

words = st.text(max_size=12)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=5
)
unknown = st.dictionaries(
    st.sampled_from(["cache_control", "x_new", "provider", "weight", "vendor"]), values, max_size=2
)
tokens = st.from_regex(r"[A-Za-z0-9_-]{1,16}", fullmatch=True)
base64 = st.from_regex(r"([A-Za-z0-9+/]{4}){1,6}", fullmatch=True)


def shaped(required: dict[str, Any], optional: dict[str, Any] | None = None) -> Bodies:
    """An object with fields of known shapes, and sometimes unknown ones."""
    known = st.fixed_dictionaries(required, optional=optional or {})
    return st.builds(lambda new, old: {**new, **old}, unknown, known)


text_parts = shaped({"type": st.just("text"), "text": words})
image_parts = shaped(
    {
        "type": st.just("image_url"),
        "image_url": st.fixed_dictionaries(
            {
                "url": st.builds("data:image/{};base64,{}".format, st.sampled_from(["png", "jpeg"]), base64)
                | st.builds("https://example.org/{}.png".format, tokens)
                | st.sampled_from(["data:,x", "data:image/png;charset=x;base64,AAAA", "data:image/png;base64,"])
            },
            optional={"detail": st.sampled_from(["low", "high", None])},
        ),
    }
)
file_parts = shaped(
    {
        "type": st.just("file"),
        "file": st.fixed_dictionaries({"file_id": tokens})
        | st.fixed_dictionaries(
            {"file_data": st.builds("data:application/pdf;base64,{}".format, base64) | base64},
            optional={"filename": words},
        ),
    }
)
audio_parts = shaped(
    {"type": st.just("input_audio"), "input_audio": st.fixed_dictionaries({"data": base64, "format": st.just("wav")})}
)
refusal_parts = shaped({"type": st.just("refusal"), "refusal": words})
odd_parts = shaped({"type": st.sampled_from(["video_url", "thinking", "text", "image_url"]), "body": values})
contents = (
    words
    | st.lists(text_parts, max_size=3)
    | st.lists(text_parts | image_parts | file_parts | audio_parts | refusal_parts | odd_parts, max_size=4)
)
calls = shaped(
    {
        "id": tokens,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": tokens, "arguments": words}, optional={"strict": st.booleans()}),
    }
) | shaped({"id": tokens, "type": st.just("custom"), "custom": st.fixed_dictionaries({"name": tokens, "input": words})})
messages = st.one_of(
    shaped(
        {"role": st.sampled_from(["system", "developer", "user"]), "content": contents}, {"name": words | st.none()}
    ),
    shaped(
        {"role": st.just("assistant")},
        {
            "content": contents | st.none(),
            "refusal": words | st.none(),
            "reasoning_content": words | st.none(),
            "reasoning": words | st.none(),
            "reasoning_details": st.lists(values, max_size=2),
            "tool_calls": st.lists(calls, max_size=3) | st.none(),
            "function_call": st.none() | st.fixed_dictionaries({"name": tokens, "arguments": words}),
            "audio": st.none() | st.fixed_dictionaries({"id": tokens}),
            "name": words,
        },
    ),
    shaped({"role": st.just("tool"), "tool_call_id": words, "content": contents}, {"name": words | st.none()}),
    shaped({"role": st.just("function"), "name": tokens, "content": words | st.none()}),
)
tools = (
    shaped(
        {
            "type": st.just("function"),
            "function": st.builds(
                lambda new, old: {**new, **old},
                unknown,
                st.fixed_dictionaries(
                    {"name": tokens},
                    optional={
                        "description": words | st.none(),
                        "parameters": st.dictionaries(words, values, max_size=3) | st.none(),
                        "strict": st.booleans() | st.none(),
                    },
                ),
            ),
        }
    )
    | shaped(
        {
            "type": st.just("custom"),
            "custom": st.fixed_dictionaries({"name": tokens}, optional={"description": words, "format": values}),
        }
    )
    | shaped({"type": st.sampled_from(["web_search", "function", "mcp"])}, {"name": tokens, "parameters": values})
)
fractions = st.none() | st.integers(0, 2) | st.floats(0, 2)
counts = st.none() | st.integers(0, 2**40)
bodies: Bodies = shaped(
    {"messages": st.lists(messages, max_size=4)},
    {
        "model": tokens | st.none(),
        "tools": st.lists(tools, max_size=3) | st.none(),
        "functions": values,
        "tool_choice": st.sampled_from([None, "auto", "none", {"type": "function", "function": {"name": "f"}}]),
        "temperature": fractions,
        "top_p": fractions,
        "top_k": counts,
        "seed": counts,
        "max_tokens": counts,
        "max_completion_tokens": counts,
        "stop": st.none() | words | st.lists(words, max_size=4),
        "response_format": st.none() | st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": values}),
        "stream": st.none() | st.booleans(),
        "stream_options": st.none() | st.fixed_dictionaries({"include_usage": st.booleans()}),
        "logit_bias": values,
        "metadata": values,
        "n": counts,
    },
)
