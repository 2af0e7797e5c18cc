"""What the official SDKs read: `sdk_read.py WIRE URL`, one question a line of JSON in, one answer a line out.

Runs in the SDKs' environment, as a program of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
NAME, ABOUT = "look", "Looks into a file."


def openai_chat(url: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    tool = {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": prompt}]
    ask: Any = {"model": "gpt-4o", "messages": messages, "tools": [tool]}
    if stream:
        with client.chat.completions.stream(**ask, stream_options={"include_usage": True}) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**ask)
    message = answer.choices[0].message
    return {
        "text": message.content or "",
        "thinking": (message.model_extra or {}).get("reasoning_content") or "",
        "calls": [[call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls or ()],
        "stop": answer.choices[0].finish_reason,
        "tokens": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    }


def openai_responses(url: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    tool = {"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}
    ask: Any = {"model": "gpt-4o", "instructions": "Be terse.", "input": prompt, "tools": [tool]}
    if stream:
        with client.responses.stream(**ask) as events:
            answer: Any = events.get_final_response()
    else:
        answer = client.responses.create(**ask)
    items = answer.output
    return {
        "text": answer.output_text,
        "thinking": "".join(part.text for item in items if item.type == "reasoning" for part in item.summary),
        "calls": [[item.name, json.loads(item.arguments)] for item in items if item.type == "function_call"],
        "stop": answer.status,
        "tokens": [answer.usage.input_tokens, answer.usage.output_tokens],
    }


def anthropic_messages(url: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    from anthropic import Anthropic

    client = Anthropic(base_url=url, api_key="k", max_retries=0)
    tool = {"name": NAME, "description": ABOUT, "input_schema": SCHEMA}
    messages = [{"role": "user", "content": prompt}]
    ask: Any = {"model": "claude", "max_tokens": 99, "system": "Be terse.", "messages": messages, "tools": [tool]}
    if stream:
        with client.messages.stream(**ask) as events:
            answer: Any = events.get_final_message()
    else:
        answer = client.messages.create(**ask)
    return {
        "text": "".join(block.text for block in answer.content if block.type == "text"),
        "thinking": "".join(block.thinking for block in answer.content if block.type == "thinking"),
        "calls": [[block.name, block.input] for block in answer.content if block.type == "tool_use"],
        "stop": answer.stop_reason,
        "tokens": [answer.usage.input_tokens, answer.usage.output_tokens],
    }


def gemini(url: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    from google import genai

    client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))
    function: Any = {"name": NAME, "description": ABOUT, "parameters_json_schema": SCHEMA}
    config: Any = {"system_instruction": "Be terse.", "tools": [{"function_declarations": [function]}]}
    ask: Any = {"model": "gemini-2.5-flash", "contents": prompt, "config": config}
    models = client.models
    answers = list(models.generate_content_stream(**ask)) if stream else [models.generate_content(**ask)]
    candidates = [each.candidates[0] for each in answers if each.candidates]
    parts = [part for each in candidates if each.content for part in each.content.parts or ()]
    usage: Any = answers[-1].usage_metadata
    return {
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "thinking": "".join(part.text or "" for part in parts if part.thought),
        "calls": [[part.function_call.name, part.function_call.args] for part in parts if part.function_call],
        "stop": str((candidates[-1].finish_reason or "").value),  # type: ignore[union-attr]
        "tokens": [usage.prompt_token_count, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)],
    }


if __name__ == "__main__":
    read = {each.__name__: each for each in (openai_chat, openai_responses, anthropic_messages, gemini)}[sys.argv[1]]
    for line in sys.stdin:
        question = json.loads(line)
        said = read(f"{sys.argv[2]}/{question['provider']}", question["prompt"], stream=question["stream"])
        sys.stdout.write(json.dumps(said) + "\n")
