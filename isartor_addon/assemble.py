"""The composition root: settings in, the whole house out. The only place that picks stores and layers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from isartor_addon.config.places import Places, places
from isartor_addon.config.schema import Config
from isartor_addon.intake import Intake
from isartor_addon.layers.base import Layer
from isartor_addon.layers.exact.layer import ExactLayer, Lifetimes
from isartor_addon.layers.ports import Answers, Clock, Shelf
from isartor_addon.observe.journal import Journal
from isartor_addon.pipeline import Pipeline
from isartor_addon.store.answers import AnswerStore
from isartor_addon.store.cassette import Cassette
from isartor_addon.store.secret import load_secret
from isartor_addon.wire.hosts import HostTable

MIB = 1024 * 1024


class SystemClock:
    """The machine's own time."""

    time = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that serves requests."""

    config: Config
    places: Places
    clock: Clock
    hosts: HostTable
    intake: Intake
    pipeline: Pipeline
    answers: Answers
    shelf: Shelf
    journal: Journal

    def close(self) -> None:
        """Finish what is being written."""
        self.journal.close()
        self.answers.close()
