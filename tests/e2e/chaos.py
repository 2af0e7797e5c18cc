"""Providers that fail at random behind a real proxy, and what must hold all the same.

`python -m tests.e2e.chaos --requests 10000 --at-once 50` runs as much of it as one likes and prints what happened;
`test_chaos.py` runs some hundreds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import re
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2

from tests.e2e.harness import Proxy, Setup, free_port, wait_for
from tests.e2e.wires import CHAT, MESSAGES, Ask
from tests.fake import Authority, Call, Plan, Provider
from tests.fake.http2 import Front

PROBE = Path(__file__).with_name("probe.py")
FAULTS = ("429", "500", "529", "cut early", "cut late", "stall", "garbage", "html", "slow", "error early", "fine")
WEIGHTS = (8, 8, 4, 8, 3, 1, 4, 3, 4, 4, 25)
LEAVES = 0.05
"""The part of clients that leave somewhere on the way."""
RELIABLE = "api.together.ai"
"""Answers whatever it is asked, so somebody always could have."""
_WORDS = re.compile(r"chaos (\d+) of it")

type End = Literal["whole", "cut", "left", "lost"]


@dataclass(slots=True)
class Request:
    """One request, and what came of it."""

    number: int
    ask: Ask
    stream: bool
    leaves: bool
    end: End = "lost"
    told: str = ""

    @property
    def words(self) -> str:
        """What it says, and nobody else."""
        return f"chaos {self.number} of it"


@dataclass(slots=True)
class Weather:
    """What each provider does to each request."""

    chance: random.Random
    planned: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Of each request the faults in order, by its words."""

    def plan(self, host: str, text: str) -> Plan | None:
        """One reply's fate."""
        found = _WORDS.search(text)
        if found is None:
            return None
        fault = "fine" if host == RELIABLE else self.chance.choices(FAULTS, WEIGHTS)[0]
        if fault.startswith("cut") and '"stream":true' not in text.replace(" ", ""):
            fault = "cut early"  # JSON has no middle
        self.planned[found[0]].append(fault)
        return _plan(fault, early=2 if host == "api.anthropic.com" else 1)


def _plan(fault: str, *, early: int) -> Plan | None:
    match fault:
        case "429":
            return Plan("", status=429, headers={"retry-after": "0"})
        case "500" | "529":
            return Plan("", status=int(fault))
        case "cut early":
            return Plan("", cut=early, cut_bytes=20)
        case "cut late":
            return Plan("", cut=5)
        case "stall":
            return Plan("", hold=frozenset({0}))
        case "garbage":
            return Plan("", pieces=(b"data: {nonsense\n\n", b"data: [DONE]\n\n"))
        case "html":
            return Plan("", pieces=(b"<html><body>502 Bad Gateway</body></html>",), content_type="text/html")
        case "slow":
            return Plan("", slice_bytes=11)
        case "error early":
            return Plan("", error_event=0)
    return None


def setup(provider: Provider, *, hedge_after: float = 0.0, front: Front | None = None) -> Setup:
    """
    A proxy with a chain over everybody, one of whom is always refused and one of whom always answers.

    Args:
        provider: stands for all of them.
        hedge_after: seconds; 0: nobody is hedged.
        front: where they speak HTTP/2.
    """
    dead = {"name": "dead", "base_url": f"http://127.0.0.1:{free_port()}/v1", "model": "m"}
    named = [{"name": name, "key": "env:KEY"} for name in ("groq", "anthropic", "together")]
    chain = {
        "for": "*",
        "try": ["client", "dead", "groq/m", "anthropic/claude-m", "together/m"],
        "retries": 1,
        "attempt_s": 10,
        "deadline_s": 50,
        "patience_s": 0.5,
        "hedge_after": hedge_after,
    }
    options = {
        "isartor_providers": json.dumps([dead, *named]),
        "isartor_chain": json.dumps([chain]),
        "isartor_egress_ca_file": str(provider.authority.path),
        "probe_ready": "probe-port",
        **({"isartor_egress_http2": "true", "fake_tls": str(front.port)} if front is not None else {}),
    }
    return Setup(options=options, after=(PROBE,), environment={"KEY": "sk-ours-000000000000"})


async def _serve(request: Request, client: httpx2.AsyncClient, chance: random.Random) -> None:
    body, headers = request.ask.body(request.words, request.stream), dict(request.ask.headers)
    patience = chance.random() * 0.3 if request.leaves else None
    try:
        async with asyncio.timeout(patience):
            answer = await client.post(request.ask.whole, json=body, headers=headers)
    except TimeoutError:
        request.end = "left"
        return
    except httpx2.HTTPError as error:
        request.told = f"{type(error).__name__}"
        return
    request.end, request.told = _judge(request, answer)


def _judge(request: Request, answer: httpx2.Response) -> tuple[End, str]:
    attempts = answer.headers.get("x-isartor-attempts", "")
    if answer.status_code != 200:
        return "lost", f"{answer.status_code} after {attempts}: {answer.text[:200]}"
    if request.stream and ("event: error" in answer.text or '"error"' in answer.text):
        return "cut", attempts
    said = request.ask.read(answer)
    own = said.count(request.words) == 1 and said.startswith("ANSWER") and said.endswith("Done.")
    return ("whole", attempts) if own else ("lost", f"mixed or torn: {said[:200]!r}")


async def _run(proxy: Proxy, requests: Sequence[Request], at_once: int, chance: random.Random) -> None:
    waiting = iter(requests)

    async def work() -> None:
        async with proxy.async_client() as client:
            for request in waiting:
                await _serve(request, client, chance)

    await asyncio.gather(*(work() for _ in range(at_once)))


def held(proxy: Proxy) -> dict[str, int]:
    """What the proxy's process holds."""
    port = proxy.folder / "probe-port"
    wait_for(port.exists, "the probe to listen")
    with socket.create_connection(("127.0.0.1", int(port.read_text())), 60) as probe, probe.makefile() as said:
        counted: dict[str, int] = json.load(said)
    return counted


def complaints(requests: Sequence[Request], weather: Weather, calls: Sequence[Call], *, hedged: bool) -> list[str]:
    """Everything that should not have happened. Hedged, two may begin at once, of which the slower is cancelled."""
    by_words: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if found := _WORDS.search(call.text):
            by_words[found[0]].append(call)
    wrong = []
    for request in requests:
        fates, asked = weather.planned[request.words], by_words[request.words]
        if request.end == "lost":
            wrong.append(f"{request.words}: lost, {request.told}; {fates}")
        if request.end == "cut" and "cut late" not in (fates if hedged else fates[-1:]):
            wrong.append(f"{request.words}: cut, but the last was {fates[-1:]}")
        begun = [number for number, fate in enumerate(fates) if fate in ("fine", "slow", "cut late")]
        if request.end in ("whole", "cut") and request.told.count(" ok ") != 1:
            wrong.append(f"{request.words}: answered by none or several: {request.told}")
        after = len(begun) > 2 if hedged else begun and begun != [len(fates) - 1] and request.end != "left"
        if after:
            wrong.append(f"{request.words}: asked again after an answer had begun: {fates}")
        if len(asked) != len(fates):
            wrong.append(f"{request.words}: {len(asked)} calls, {len(fates)} replies")
    return wrong


def play(
    proxy: Proxy, provider: Provider, *, requests: int, at_once: int, seed: int, hedged: bool = False
) -> dict[str, Any]:
    """Run it; what happened, with everything that should not have under `wrong`."""
    chance = random.Random(seed)
    weather = Weather(random.Random(seed + 1))
    provider.weather = weather.plan
    made = [
        Request(number, chance.choice((CHAT, MESSAGES)), chance.random() < 0.7, chance.random() < LEAVES)
        for number in range(requests)
    ]
    begun, started = len(provider.calls), time.monotonic()
    warm = 2 * at_once  # opens what stays open: the relay's ports, connections that are kept for the next request
    try:
        asyncio.run(_run(proxy, made[:warm], at_once, chance))
        before = _settled(proxy, None)
        asyncio.run(_run(proxy, made[warm:], at_once, chance))
    finally:
        provider.weather = None
    took_s = time.monotonic() - started
    after = _settled(proxy, before)
    wrong = complaints(made, weather, provider.calls[begun:], hedged=hedged)
    wrong += [f"{name}: {before[name]} before, {after[name]} after" for name in _leaked(before, after)]
    if "Traceback" in proxy.log:
        wrong.append("a traceback in the log")
    return {
        "requests": requests,
        "at_once": at_once,
        "seed": seed,
        "seconds": round(took_s, 1),
        "ends": dict(Counter(request.end for request in made)),
        "hedged": sum(" cancelled " in request.told for request in made),
        "faults": dict(Counter(fate for fates in weather.planned.values() for fate in fates)),
        "calls": sum(map(len, weather.planned.values())),
        "held": {"before": before, "after": after},
        "wrong": wrong,
    }


def _leaked(before: dict[str, int] | None, after: dict[str, int]) -> list[str]:
    exact = [name for name in ("tickets", "passing", "flows", "asking", "flights") if after[name]]
    # A few tasks and files belong to the client that looks, and to stores that were opened meanwhile.
    return exact + [name for name in ("tasks", "files") if before is not None and after[name] > before[name] + 4]


def _settled(proxy: Proxy, before: dict[str, int] | None) -> dict[str, int]:
    """What is held when everything that ends has ended."""
    end = time.monotonic() + 30.0
    while True:
        after = held(proxy)
        if not _leaked(before, after) or time.monotonic() > end:
            return after
        time.sleep(0.1)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Providers that fail at random, behind a real proxy.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hedge-after", type=float, default=0.0, help="seconds; 0: nobody is hedged")
    parser.add_argument("--http2", action="store_true", help="providers speak HTTP/2")
    given = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # which tells of every reply that is cut by plan
    with (
        tempfile.TemporaryDirectory() as folder,
        Provider(Authority(Path(folder))) as provider,
        Front(provider.authority, provider.port) if given.http2 else nullcontext() as front,
        Proxy(Path(folder) / "proxy", provider, setup(provider, hedge_after=given.hedge_after, front=front)) as proxy,
    ):
        result = play(
            proxy,
            provider,
            requests=given.requests,
            at_once=given.at_once,
            seed=given.seed,
            hedged=given.hedge_after > 0,
        )
    json.dump({**result, "wrong": len(result["wrong"])}, sys.stdout, indent=2)
    sys.stdout.write("\n" + "".join(f"{line}\n" for line in result["wrong"][:20]))
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
