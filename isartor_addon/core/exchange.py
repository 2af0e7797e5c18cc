"""One request on its way through the house, with all that was found out about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from isartor_addon.core.client import Client
from isartor_addon.core.fingerprint import Fingerprint
from isartor_addon.core.identity import Identity
from isartor_addon.core.prompt import Json
from isartor_addon.core.scope import Scope, find_scope

if TYPE_CHECKING:
    from isartor_addon.core.outcome import Answer
    from isartor_addon.wire.base import Route

CacheUse = Literal["use", "exact", "bypass", "refresh", "only"]


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived, as far as decisions need it."""

    method: str
    scheme: str
    host: str
    """The provider's host, lower case."""
    port: int
    path: str
    """Without the query."""
    query: Mapping[str, str] = field(repr=False)  # here and there may be credentials
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; of several of one name the values joined with ", "."""
    query_string: str = field(default="", repr=False)
    """The query as it came."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the caller wishes for this one request."""

    cache: CacheUse = "use"
    store: bool = True
    ttl_s: int | None = None
    wrong: str | None = None
    """A key, or its beginning, whose answer a person has found wrong; empty: the one to this very request."""


@dataclass(slots=True)
class Step:
    """What one layer did. Not frozen, as an `Answer`."""

    layer: str
    """Its tag: `l1a`, `l3`."""
    outcome: str
    """One word: `hit`, `miss`, `stream`, `forward`, `refuse`, `stored`, `skip`, `fault` and some more."""
    elapsed_ms: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A proxy by which what leaves this machine leaves it."""

    url: str
    login: str = field(default="", repr=False)
    """What to show it, `user:password`."""


@dataclass(slots=True)
class Exchange:
    """One request, its identity and its trail."""

    id: str
    request: Request
    route: Route
    body: Mapping[str, Json] = field(repr=False)
    """The decoded request as received; nobody changes it."""
    mode: str
    client: Client
    caller: str
    identity: Identity
    control: Control
    model: str
    started: float
    """Unix time, seconds."""
    trail: list[Step] = field(default_factory=list)
    raw: bytes = field(default=b"", repr=False)
    """The body's bytes as received, content encoding removed."""
    project: str = ""
    """What the caller books it under; empty where it does not say."""
    quota: str = ""
    """What quotas say to it; empty where they say nothing."""
    fingerprint: Fingerprint | None = None
    """Digests of the canonical request by path; there when its reply is learned, or was by somebody else."""
    spare: Answer | None = None
    """An answer of the past, to be given where everything else fails."""
    answered_by: str = ""
    """The name of the provider that answered, where a chain asked one; empty: the client's own."""
    answered_model: str = ""
    """The model that it was asked for, where a chain asked one."""
    way_out: WayOut | None = None
    """By which all that comes over the client's connection leaves; None: by none that the connection knows of."""
    scope: Scope | None = None
    """None until somebody needs it: see `in_scope`."""

    @property
    def session(self) -> str:
        """The client's session, empty where it declares none."""
        return self.identity.session

    @property
    def call(self) -> tuple[str, str]:
        """Tells it from all others under way: the messages of one WebSocket share their flow's id."""
        return self.id, self.identity.key

    def in_scope(self) -> Scope:
        """What of the request is fixed and what may be said in other words; found when it is first asked for."""
        if self.scope is None:
            wire = self.route.wire
            self.scope = find_scope(
                self.identity,
                caller=self.caller,
                operation=self.route.operation,
                shape=wire.shape,
                wrapping=self.client.wrapping,
            )
        return self.scope

    def again(self, *, id: str, started: float) -> Exchange:
        """The same request another time, with a trail of its own."""
        return Exchange(
            id=id,
            request=self.request,
            route=self.route,
            body=self.body,
            mode=self.mode,
            client=self.client,
            caller=self.caller,
            identity=self.identity,
            control=self.control,
            model=self.model,
            started=started,
            raw=self.raw,
            project=self.project,
        )

    def note(self, layer: str, outcome: str, note: str = "") -> None:
        """Add a step to the trail."""
        self.trail.append(Step(layer, outcome, 0.0, note))

    def timed(self, *, since: int, elapsed_ms: float) -> None:
        """Say how long the steps from number `since` on took together."""
        took = round(elapsed_ms, 3)
        # Once for every layer of every request: `replace` takes several times as long.
        self.trail[since:] = [Step(step.layer, step.outcome, took, step.note) for step in self.trail[since:]]
