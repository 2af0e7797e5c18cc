"""mitmproxy commands, for the console, mitmweb and key bindings."""

from __future__ import annotations

import json
from collections.abc import Callable

from mitmproxy import command, exceptions, flow

from isartor_addon.assemble import House
from isartor_addon.observe.explain import explain
from isartor_addon.observe.spending import totals


class Commands:
    """`isartor.stats`, `isartor.explain`, `isartor.wrong`, `isartor.cache.clear`."""

    def __init__(self, house: Callable[[], House]) -> None:
        self._house = house

    @command.command("isartor.stats")
    def stats(self) -> str:
        """Tell what was asked, what was answered from here, what it cost and what that saved."""
        return json.dumps(totals(self._house().accounts.ledger.spent(), 0))

    @command.command("isartor.explain")
    def explain(self, asked: flow.Flow) -> str:
        """Tell which fields made a request differ from the nearest one before it."""
        try:
            return explain(self._house().journal, asked.id)
        except LookupError as error:
            raise exceptions.CommandError(str(error)) from error

    @command.command("isartor.wrong")
    def wrong(self, asked: flow.Flow) -> str:
        """Take back the answer that a request got from here: it is not given again, to whatever words."""
        key = asked.metadata.get("isartor", {}).get("key", "")
        removed = self._house().corrections.wrong(key) if key else []
        if not removed:
            raise exceptions.CommandError("no answer to this request is stored")
        return f"removed {', '.join(each[:16] for each in removed)}"

    @command.command("isartor.cache.clear")
    def clear(self, model: str = "", host: str = "") -> str:
        """Remove stored answers, all or those of a model or host (patterns like `gpt-4o*`); pinned ones stay."""
        removed = self._house().corrections.clear(model=model, host=host)
        return f"{removed} removed"
