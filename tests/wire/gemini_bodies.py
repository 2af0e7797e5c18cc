"""Gemini: routes, and bodies as clients send them, well and badly formed, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from isartor_addon.wire.gemini import INTERNAL, WIRE
from tests.wire.drawn import anything, names, numbers, objects, scalars, shaped, texts

ROUTE = WIRE.route("POST", "generativelanguage.googleapis.com", "/v1beta/models/m:generateContent", {})
INNER = INTERNAL.route("POST", "cloudcode-pa.googleapis.com", "/v1internal:generateContent", {})
assert ROUTE is not None
assert INNER is not None

signature = {name: st.none() | texts for name in ("thoughtSignature", "thought_signature")}
mime = st.sampled_from(["image/png", "application/pdf", "audio/wav", "", "text/plain"]) | st.none()
file = shaped(
    {}, {"mimeType": mime, "mime_type": mime, "data": texts, "fileUri": texts, "file_uri": texts, "x": anything}
)
call = shaped({}, {"name": names, "args": st.none() | objects, "id": st.none() | texts, "willContinue": st.booleans()})
result = shaped(
    {},
    {
        "name": texts,
        "id": texts,
        "response": st.none() | objects | shaped({}, {"output": texts | objects, "error": texts}),
        "parts": anything,
    },
)
parts = st.one_of(
    shaped({"text": texts}, {"thought": st.none() | st.booleans(), **signature}),
    shaped({"inlineData": file}, {"videoMetadata": anything, "inline_data": file}),
    shaped({"inline_data": file}, signature),
    shaped({"fileData": file}) | shaped({"file_data": file | anything}),
    shaped({"functionCall": call}, signature) | shaped({"function_call": call}),
    shaped({"functionResponse": result}) | shaped({"function_response": result}),
    shaped({"executableCode": objects}) | objects,
)
contents = shaped(
    {},
    {
        "role": st.sampled_from(["user", "model", "function", "tool", "", "other", None]),
        "parts": st.none() | st.lists(parts, max_size=3) | parts,
        "x": anything,
    },
)
declarations = shaped(
    {},
    {
        "name": texts,
        "description": st.none() | texts,
        "parameters": st.none() | objects,
        "parametersJsonSchema": objects,
        "parameters_json_schema": st.none() | objects,
        "tools": anything,
    },
)
tool_lists = st.lists(
    shaped(
        {},
        {
            "functionDeclarations": st.none() | st.lists(declarations, max_size=2),
            "function_declarations": st.lists(declarations, max_size=2) | anything,
            "googleSearch": objects,
        },
    ),
    max_size=3,
)
configs = shaped(
    {},
    {
        "temperature": scalars,
        "topP": numbers,
        "top_p": scalars,
        "topK": scalars,
        "maxOutputTokens": scalars,
        "max_output_tokens": numbers,
        "stopSequences": st.lists(texts, max_size=2) | scalars,
        "seed": scalars,
        "responseMimeType": texts,
        "response_schema": objects,
        "thinkingConfig": objects,
    },
)
optional = st.none() | objects
bodies = shaped(
    {},
    {
        "contents": st.none() | st.lists(contents, max_size=3) | contents,
        "systemInstruction": st.none() | texts | contents,
        "system_instruction": st.none() | contents,
        "tools": st.none() | tool_lists | anything,
        "toolConfig": optional,
        "tool_config": optional,
        "generationConfig": st.none() | configs,
        "generation_config": st.none() | configs,
        "safetySettings": anything,
        "cachedContent": texts,
        "model": texts,
        "v_unknown": anything,
    },
)
