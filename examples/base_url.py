"""Any SDK by its base URL: the proxy's own port serves the providers' paths, without HTTPS_PROXY and without a CA.

isartor up --detach
OPENAI_API_KEY=... python examples/base_url.py "What is 2+2?"
"""

import json
import os
import sys
import urllib.request

BASE = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")


def ask(question: str) -> tuple[str, str]:
    """The answer, and the layer that gave it."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(
        f"{BASE}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)["choices"][0]["message"]["content"]
        return answer, response.headers["x-isartor-layer"]


if __name__ == "__main__":
    for _ in range(2):
        print(*ask(" ".join(sys.argv[1:]) or "What is 2+2?"), sep="\n  answered by ")
