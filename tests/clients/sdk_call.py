"""One call of a Python SDK at its own default address: `sdk_call.py KIND PROMPT`. Runs in the SDKs' environment."""

from __future__ import annotations

import sys
from typing import Any

OPENAI, ANTHROPIC, GEMINI = "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash"


def openai(kind: str, prompt: str) -> str:
    from openai import OpenAI

    client = OpenAI(max_retries=0)
    messages: Any = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": prompt}]
    match kind:
        case "chat":
            return str(client.chat.completions.create(model=OPENAI, messages=messages).choices[0].message.content)
        case "chat-stream":
            chunks = client.chat.completions.create(model=OPENAI, messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        case "responses":
            return str(client.responses.create(model=OPENAI, instructions="Be terse.", input=prompt).output_text)
        case "responses-stream":
            with client.responses.stream(model=OPENAI, input=prompt) as events:
                return str(events.get_final_response().output_text)
        case "embeddings":
            found = client.embeddings.create(model="text-embedding-3-small", input=prompt)
            return f"ANSWER {round(found.data[0].embedding[0] * 1024)}"
    raise ValueError(kind)


def anthropic(kind: str, prompt: str) -> str:
    from anthropic import Anthropic

    client = Anthropic(max_retries=0)
    messages: Any = [{"role": "user", "content": prompt}]
    match kind:
        case "messages":
            reply = client.messages.create(model=ANTHROPIC, max_tokens=200, system="Be terse.", messages=messages)
            return str(reply.content[0].text)
        case "stream":
            with client.messages.stream(
                model=ANTHROPIC, max_tokens=200, system="Be terse.", messages=messages
            ) as events:
                return "".join(events.text_stream)
        case "count":
            return f"ANSWER {client.messages.count_tokens(model=ANTHROPIC, messages=messages).input_tokens}"
    raise ValueError(kind)


def genai(kind: str, prompt: str) -> str:
    from google.genai import Client

    client = Client()
    models = client.models
    if kind == "stream":
        return "".join(chunk.text or "" for chunk in models.generate_content_stream(model=GEMINI, contents=prompt))
    return str(models.generate_content(model=GEMINI, contents=prompt).text)


def langchain(kind: str, prompt: str) -> str:
    model: Any
    if kind == "anthropic":
        from langchain_anthropic import ChatAnthropic

        model = ChatAnthropic(model=ANTHROPIC, max_retries=0)
    else:
        from langchain_openai import ChatOpenAI

        model = ChatOpenAI(model=OPENAI, max_retries=0, use_responses_api=kind == "responses")
    return str(model.invoke([("system", "Be terse."), ("user", prompt)]).text)


if __name__ == "__main__":
    sdk, _, kind = sys.argv[1].partition("/")
    call = {"openai": openai, "anthropic": anthropic, "genai": genai, "langchain": langchain}[sdk]
    sys.stdout.write(call(kind, sys.argv[2]) + "\n")
