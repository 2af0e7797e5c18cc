"""What the settings say of one request: whether it may be answered in other words, and how near they must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

from isartor_addon.core.exchange import Exchange
from isartor_addon.core.scope import offers_tools
from isartor_addon.layers.semantic.guard import Profile
from isartor_addon.layers.semantic.judge import THRESHOLDS


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of the layer; see `config/schema.py`."""

    threshold: float = 0.92
    profiles: Mapping[str, str] = field(default_factory=dict)
    agents: bool = False
    max_error_rate: float = 0.01
    shadow_share: float = 0.02
    verify_first: bool = False
    wait_s: float = 0.25
    """How long a request waits for the layer at most."""

    def profile(self, exchange: Exchange) -> Profile | None:
        """The profile of a request; None where the layer is off for it."""
        if offers_tools(exchange.body, exchange.route.wire.shape):
            return "agent" if self.agents else None
        names = exchange.model, exchange.request.host, exchange.client.name
        for pattern, profile in self.profiles.items():
            if any(fnmatchcase(name.lower(), pattern.lower()) for name in names):
                return None if profile == "off" else cast("Profile", profile)
        return "chat"

    def threshold_of(self, profile: Profile) -> float:
        """How near two questions must be: cosine."""
        return self.threshold if profile == "chat" else THRESHOLDS[profile]
