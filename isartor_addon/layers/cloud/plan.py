"""Which chain serves a request: what `[[chain]]` and `[model_aliases]` say, made into targets to be tried in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from isartor_addon.layers.cloud.provider import Provider, may_see_key


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to ask for a model."""

    provider: Provider | None
    """None: the client's own provider, with the client's own credentials."""
    model: str

    @property
    def name(self) -> str:
        """`client`, or `openrouter/anthropic/claude-sonnet-4`."""
        return f"{self.provider.name}/{self.model}" if self.provider else "client"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a chain goes on. Seconds."""

    deadline_s: float = 600.0
    """From the start to the first content delta, all attempts and pauses together."""
    attempt_s: float = 120.0
    """One attempt at a streamed answer, to its first content delta."""
    patience_s: float = 5.0
    """The longest pause before the same target is asked again while another is left."""
    retries: int = 2
    """How often one target is asked again after it failed."""
    hedge_after_s: float = 0.0
    """How long an attempt at a streamed answer may show nothing before the next target is asked beside it; 0: never."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be tried for one request."""

    targets: tuple[Target, ...]
    host: str = ""
    """The client's own provider: names it in health and breakers."""
    pace: Pace = Pace()
    by_health: bool = True
    """Whether those that clearly do badly are asked later."""

    @property
    def deadline_s(self) -> float:
        """From the start to the first content delta."""
        return self.pace.deadline_s


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of `try`."""

    provider: Provider | None
    model: str = ""
    """Empty: see `Provider.model_for`."""
    clients_key: bool = False
    """It is asked with the client's own credential, so only where the client's request goes to its hosts."""

    def target(self, model: str, host: str) -> Target | None:
        """The target for a request for `model` that the client sends to `host`; None where it cannot be asked."""
        if self.provider is None:
            return Target(None, self.model or model)
        if self.clients_key and not may_see_key(self.provider, host):
            return None
        return Target(self.provider, self.model or self.provider.model_for(model))


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[chain]]`."""

    patterns: tuple[str, ...]
    """Of models; of hosts with `host:` before them, of coding tools with `client:`. As in `fnmatch`."""
    entries: tuple[Entry, ...]
    pace: Pace = Pace()
    by_health: bool = True
    """See `Plan.by_health`."""

    def fits(self, names: tuple[str, ...], host: str, client: str) -> bool:
        """Whether it is for a request for a model of these names."""
        return any(_fits(pattern, names, host, client) for pattern in self.patterns)


def _is_for_models(pattern: str) -> bool:
    kind, colon, _ = pattern.partition(":")
    return not (colon and kind in ("host", "client"))


def _fits(pattern: str, names: tuple[str, ...], host: str, client: str) -> bool:
    kind, colon, rest = pattern.partition(":")
    if colon and kind == "host":
        return fnmatchcase(host, rest)
    if colon and kind == "client":
        return fnmatchcase(client, rest)
    return any(fnmatchcase(name, pattern) for name in names)


@dataclass(frozen=True, slots=True)
class Chains:
    """Everything that is configured about where requests go."""

    rules: tuple[Rule, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name to name; no loops."""

    def may_concern(self, host: str, client: str) -> bool:
        """Whether some request of this tool to this host may have a plan; its model is not known yet."""
        patterns = (pattern for rule in self.rules for pattern in rule.patterns)
        return bool(self.aliases) or any(_is_for_models(each) or _fits(each, (), host, client) for each in patterns)

    def names(self, model: str) -> tuple[str, ...]:
        """The name that is asked for, and those it stands for in turn; the last one is the model."""
        names = [model]
        while (meant := self.aliases.get(names[-1])) is not None:
            names.append(meant)
        return tuple(names)


def plan_for(settings: Chains, *, model: str, host: str, client: str) -> Plan | None:
    """
    What to try for a request.

    An alias renames the model for everybody who is asked, the client's own provider included: a request for one has a
    plan also where no chain is configured. Its exact key stays that of what the client asked.

    Args:
        model: as the client asked.
        host: of the client's own provider.
        client: the coding tool's name.

    Returns:
        None: the request passes untouched; so does one of whose targets none can be asked.
    """
    names = settings.names(model)
    rule = next((rule for rule in settings.rules if rule.fits(names, host, client)), None)
    if rule is None:
        return Plan((Target(None, names[-1]),), host) if len(names) > 1 else None
    targets = dict.fromkeys(entry.target(names[-1], host) for entry in rule.entries)
    askable = tuple(target for target in targets if target is not None)
    return Plan(askable, host, rule.pace, rule.by_health) if askable else None
