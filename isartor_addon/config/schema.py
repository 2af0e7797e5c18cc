"""Every setting with its type, default and meaning. This file is the one place: the config file's keys, the environment
variables, mitmproxy's options and the table in the README are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def setting(
    default: object,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    unit: str = "",
    lone: bool = False,
    secret: bool = False,
) -> Any:
    """
    A field of the schema, with what people must know of it.

    Args:
        lone: a text may be written for a list of one.
        secret: its value is shown nowhere.
    """
    meta = {"help": help, "choices": choices, "unit": unit, "lone": lone, "secret": secret}
    if isinstance(default, dict | list):
        copy = type(default)
        return field(default_factory=lambda: copy(default), metadata=meta)
    return field(default=default, metadata=meta, repr=not secret)


def required(help: str, *, lone: bool = False) -> Any:
    """A field of a table that must be given."""
    return field(metadata={"help": help, "choices": (), "unit": "", "lone": lone, "secret": False})


@dataclass(frozen=True, slots=True)
class Cache:
    """The exact cache."""

    enabled: bool = setting(True, "Answer repeats from the store and learn replies.")
    directory: str = setting("", "Where answers are stored; empty: `cache` in the home directory.")
    size_mb: int = setting(1024, "Bound of the store on disk.", unit="MiB")
    memory_mb: int = setting(64, "Bound of the front in memory.", unit="MiB")
    ttl_s: int = setting(86400, "How long an answer is served.", unit="s")
    ttl_by_model: Mapping[str, int] = setting(
        {}, "Other times for models, by pattern (`gpt-4o*`); the first that fits counts.", unit="s"
    )
    ttl_by_host: Mapping[str, int] = setting(
        {}, "Other times for provider hosts, by pattern; models come first.", unit="s"
    )
    again: str = setting(
        "refresh",
        "What the third identical request of one client session within ten minutes gets: a fresh answer (`refresh`), "
        "the stored one (`serve`); a number N from 2 means the Nth.",
    )
    single_flight: bool = setting(True, "Identical requests in flight share one call to the provider.")
    replay_pace: str = setting(
        "at_once",
        "How fast stored streams are replayed: `at_once`, as they came (`recorded`), or at so many tokens a second (a "
        "number).",
    )
    shared: bool = setting(False, "All callers share answers. Only where everybody may see everybody's answers.")
    stale_if_error_s: int = setting(
        0, "How long an answer that is too old is kept, and served where all providers fail; 0: not at all.", unit="s"
    )


@dataclass(frozen=True, slots=True)
class Semantic:
    """The same question in other words."""

    enabled: bool = setting(True, "Answer a question from the store that was asked before in other words.")
    threshold: float = setting(
        0.92, "How near two questions must be (cosine) for one answer; the profile `faq` asks 0.85, `agent` 0.95."
    )
    profiles: Mapping[str, str] = setting(
        {},
        'By pattern of model, provider host or client (`{ "faq-*" = "faq" }`): `chat`, `faq`, `agent` (strictest), '
        "`off`; the first that fits counts.",
    )
    agents: bool = setting(False, "Also where the request offers tools; such requests have the profile `agent`.")
    max_error_rate: float = setting(
        0.01, "The chance of a wrong hit that is accepted; where evidence says more, the provider is asked instead."
    )
    shadow_share: float = setting(
        0.02,
        "The share of hits that are not served but checked: the provider's answer is compared with the stored one.",
    )
    verify_first: bool = setting(False, "Check the first hit of every stored answer so.")
    wait_ms: int = setting(250, "How long a request waits for this layer at most.", unit="ms")


@dataclass(frozen=True, slots=True)
class Embedder:
    """What turns texts into vectors for the semantic layer."""

    backend: str = setting(
        "onnx",
        "The model that is shipped (`onnx`; what it cannot read, such as Chinese, Japanese and Thai, is not matched), "
        "a text-embeddings-inference server (`tei`), or an OpenAI-compatible one (`openai`).",
        choices=("onnx", "tei", "openai"),
    )
    url: str = setting("", "The server's address: `http://127.0.0.1:8080`, `https://llm.example.com/v1`.")
    model: str = setting("", "The server's model; a new name begins a new index.")
    key: str = setting("", "Where the server's key is: `vault:NAME` or `env:VARIABLE`.")
    timeout_s: float = setting(2.0, "How long the server may take; then it is a miss.", unit="s")


@dataclass(frozen=True, slots=True)
class Door:
    """The base-URL door on the proxy's own port."""

    openai: str = setting("https://api.openai.com", "Provider behind `/v1/...` and `/openai/...`.")
    anthropic: str = setting("https://api.anthropic.com", "Provider behind `/v1/messages` and `/anthropic/...`.")
    gemini: str = setting(
        "https://generativelanguage.googleapis.com", "Provider behind `/v1beta/...` and `/gemini/...`."
    )
    ollama: str = setting("http://127.0.0.1:11434", "Provider behind `/api/chat`, `/api/generate` and `/ollama/...`.")
    prefixes: Mapping[str, str] = setting(
        {}, 'Further prefixes: `{ openrouter = "https://openrouter.ai/api" }` serves `/openrouter/v1/...`.'
    )
    native_model: str = setting("gpt-4o-mini", 'Model for `{"prompt": ...}` requests that name none.')


@dataclass(frozen=True, slots=True)
class Lane:
    """The fast lane: answers from memory below mitmproxy's HTTP layer."""

    enabled: bool = setting(True, "Answer repeats over HTTP/1.1 before mitmproxy makes a flow of them.")
    flows: str = setting(
        "when_watched",
        "Whether mitmproxy is shown a flow of each such answer afterwards: while somebody looks (mitmweb, the console, "
        "printed or saved flows), or `always`, or `never`.",
        choices=("always", "when_watched", "never"),
    )
    splice: bool = setting(
        True, "Give the bytes of connections with repeats a short way to the lane, for a fraction of the time."
    )
    quick_hooks: bool = setting(
        True, "What takes no lane: have mitmproxy ask only those of its addons that have something to do at an event."
    )


@dataclass(frozen=True, slots=True)
class Streams:
    """Replies that are streamed."""

    splice: bool = setting(
        True,
        "Give the bytes of streams over HTTP/1.1 a short way through mitmproxy, for a fraction of the CPU time.",
    )


@dataclass(frozen=True, slots=True)
class Egress:
    """How providers of a chain are reached. What passes to the client's own provider is mitmproxy's."""

    proxy: str = setting(
        "", "A proxy by which they are asked; empty: the one of `--mode upstream:...`, for what comes in so."
    )
    proxy_login: str = setting("", "What to show that proxy, `user:password`.", secret=True)
    ca_file: str = setting("", "Certificates to trust besides those of public authorities, a PEM file.")
    connect_s: int = setting(10, "How long connecting may take.", unit="s")
    silence_s: int = setting(300, "How long a provider may say nothing.", unit="s")
    connections: int = setting(200, "The most connections at a time.")
    http2: bool = setting(False, "Speak HTTP/2 where a provider can: many requests share one connection, and its loss.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTable:
    """One of `[[providers]]`."""

    name: str = required("A provider of the catalogue (`isartor providers --all`), or a name of your own.")
    key: tuple[str, ...] = setting(
        (),
        "Where its key is: `vault:NAME` (`isartor keys set NAME`), `env:VARIABLE`, `command:WORDS` (a command that "
        "prints it), or `client`: the client's own, at the client's own provider only. A list for several.",
        lone=True,
    )
    key_ttl_s: int = setting(
        300, "How long what a command printed is used; when it is refused, the command is run earlier.", unit="s"
    )
    key_order: str = setting("round_robin", "Which of several keys is next.", choices=("round_robin", "priority"))
    base_url: str = setting("", "Where it is, with its path (`https://llm.example.com/v1`).")
    wire: str = setting(
        "",
        "What it speaks.",
        choices=("openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama"),
    )
    auth: str = setting(
        "", "How it wants its key.", choices=("bearer", "x-api-key", "x-goog-api-key", "api-key", "none")
    )
    model: str = setting("", "What it is asked for where it does not know the client's model.")
    models: tuple[str, ...] = setting((), "Patterns of models that it knows by the client's names.")
    takes: tuple[str, ...] = setting(
        (),
        "What it can be asked for besides words, if not all of `tools`, `images`, `documents`, `json_schema`.",
    )
    headers: Mapping[str, str] = setting({}, "Sent with every request to it; never a credential.")
    parameters: Mapping[str, str] = setting({}, 'What its address needs: `{ region = "eu-west-1" }`.')


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTable:
    """One of `[[chain]]`."""

    for_: tuple[str, ...] = required(
        "Patterns of models (`claude-*`), of hosts (`host:api.openai.com`), of tools (`client:codex`).",
        lone=True,
    )
    try_: tuple[str, ...] = required("Whom to ask, in order: `client`, `PROVIDER` or `PROVIDER/MODEL`.", lone=True)
    deadline_s: float = setting(600.0, "From the start to the first words of an answer.", unit="s")
    attempt_s: float = setting(
        120.0,
        "The same for one attempt; one at an answer that is not streamed has what is left of the deadline.",
        unit="s",
    )
    patience_s: float = setting(
        5.0, "The longest pause before the same provider is asked again while another is left.", unit="s"
    )
    retries: int = setting(2, "How often one provider is asked again.")
    hedge_after: float = setting(
        0.0,
        "After so long without the first words of a streamed answer the next provider is asked as well, and the first "
        "to speak answers; 0: never.",
        unit="s",
    )
    health_order: bool = setting(
        True,
        "Ask providers that fail about every other time, or are several times slower than usual, after the others.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaTable:
    """One of `[[quotas]]`. Patterns are as in `fnmatch`; an empty one means all."""

    name: str = required("Its name in headers and in the log. Its counts go on for as long as it keeps it.")
    window: str = setting(
        "day",
        "What the limits are for; of the calendar, weeks from Monday.",
        choices=("minute", "day", "week", "month"),
    )
    zone: str = setting("UTC", "Where its days begin (`Europe/Berlin`).")
    requests: int = setting(0, "At most so many requests; 0: any number.")
    tokens: int = setting(0, "At most so many tokens, read and made; 0: any number.")
    usd: float = setting(0.0, "At most so many dollars; 0: any amount.", unit="USD")
    provider: str = setting("", "Only for providers like this: a host, or a name of the catalogue.")
    caller: str = setting("", "Only for callers like this, as `isartor stats --usage --json` names them.")
    client: str = setting("", "Only for tools like this (`claude_code`).")
    project: str = setting("", "Only for projects like this; see `project_header`.")
    model: str = setting("", "Only for models like this.")
    per: tuple[str, ...] = setting(
        (),
        "A count of its own for each `provider`, `caller`, `client`, `project`, `model`.",
        lone=True,
    )
    action: str = setting(
        "block",
        "What happens at a limit: a refusal, a header that warns, or the chain goes on to its next provider.",
        choices=("warn", "block", "fallback"),
    )
    warn_at: float = setting(0.8, "From this part of a limit on it is warned of.")
    on_error: str = setting("pass", "What happens to requests while nothing can be counted.", choices=("pass", "block"))


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was used and spared."""

    enabled: bool = setting(True, "Keep the ledger of tokens and money; see `isartor stats`.")
    days: int = setting(400, "How long it remembers.", unit="days")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set."""

    home: str = setting("", "Where Isartor keeps its files; empty: `~/.isartor`.")
    hosts: tuple[str, ...] = setting(
        (),
        "Further hosts to decrypt and answer: `llm.example.com`, or `.example.com` for a domain and all below it; "
        "`host:port` for one port.",
    )
    websocket: str = setting(
        "native",
        "Responses over WebSocket: answered inside the socket (`native`), or sent to HTTP by a 426 (`fallback`).",
        choices=("native", "fallback"),
    )
    body_limit_mb: int = setting(64, "Larger bodies pass through unread.", unit="MiB")
    tenant_header: str = setting("", "Request header that separates tenants of one API key; it is not sent on.")
    project_header: str = setting(
        "", "Request header that names the project which a request is booked under; it is not sent on."
    )
    token: str = setting("", "What clients must show when the proxy listens on more than loopback.", secret=True)
    cassette: str = setting("", "A file of recordings to use instead of the cache.")
    cassette_mode: str = setting("record", "What to do with the cassette.", choices=("record", "replay"))
    workers: int = setting(0, "Processes of `isartor up` that share its port; 0: as many as there are cores.")
    drain_s: int = setting(10, "How long `isartor stop` lets requests in flight finish.", unit="s")
    log_level: str = setting("info", "How much is logged.", choices=("debug", "info", "warning", "error"))
    offline: bool = setting(False, "Let nothing leave this machine, but to `offline_hosts`.")
    offline_hosts: tuple[str, ...] = setting(
        (), "Private hosts that are reached offline too: `llm.lan`, `.lan`, `10.0.0.7`, each with `:port` or without."
    )
    model_aliases: Mapping[str, str] = setting({}, 'Other names for models: `{ fast = "gpt-4o-mini" }`.')
    providers: tuple[ProviderTable, ...] = setting((), "Providers that may be asked besides the client's own.")
    chain: tuple[ChainTable, ...] = setting((), "Who is asked when, in order; the first that fits a request counts.")
    quotas: tuple[QuotaTable, ...] = setting((), "What may be used in a day or another window; all that fit count.")
    prices: Mapping[str, Mapping[str, float]] = setting(
        {},
        'Your own prices by model pattern, before the list: `[prices."gpt-5*"]` with `input`, `output` and perhaps '
        "`cache_read`, `cache_write`, `cache_write_1h`.",
        unit="USD per million tokens",
    )
    cache: Cache = field(default_factory=Cache)
    semantic: Semantic = field(default_factory=Semantic)
    embedder: Embedder = field(default_factory=Embedder)
    door: Door = field(default_factory=Door)
    lane: Lane = field(default_factory=Lane)
    streams: Streams = field(default_factory=Streams)
    egress: Egress = field(default_factory=Egress)
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def own_headers(self) -> tuple[str, ...]:
        """Request headers for us that have a name of the operator's."""
        return tuple(name for name in (self.tenant_header, self.project_header) if name)
