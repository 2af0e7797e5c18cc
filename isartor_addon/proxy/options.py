"""mitmproxy options made from the schema of settings: `--set isartor_cache_ttl_s=60`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from isartor_addon.config.keys import keys
from isartor_addon.config.load import from_options, load, override
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError

_TYPES: Mapping[str, Any] = {"int": int | None, "list": Sequence[str]}
"""mitmproxy's types; everything else is a text, which may also be unset."""


def register(loader: Loader) -> None:
    """Declare one option a setting. All are unset by default, so that the config file and the environment count."""
    for key in keys():
        kind = _TYPES.get(key.type, str | None)
        loader.add_option(key.option, kind, () if key.type == "list" else None, key.help)


def read(given: Config | None) -> Config:
    """
    The settings that hold now.

    Args:
        given: what holds where no option says otherwise; None: what the config file and the environment say.

    Raises:
        OptionsError: one of them is wrong.
    """
    said: dict[str, object] = {}
    for key in keys():
        value = getattr(ctx.options, key.option)
        if value is not None and value != ():
            said[key.option] = list(value) if key.type == "list" else value
    try:
        return override(given, from_options(said)) if given else load(environ=os.environ, options=said)
    except ConfigError as error:
        raise exceptions.OptionsError(str(error)) from error
