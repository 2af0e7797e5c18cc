"""mitmproxy options made from the schema of settings: `--set isartor_cache_ttl_s=60`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from isartor_addon.config.keys import keys
from isartor_addon.config.load import load
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError

_TYPES: Mapping[str, Any] = {"int": int | None, "list": Sequence[str]}
"""mitmproxy's types; everything else is a text, which may also be unset."""


def register(loader: Loader) -> None:
    """Declare one option a setting. All are unset by default, so that the config file and the environment count."""
    for key in keys():
        kind = _TYPES.get(key.type, str | None)
        loader.add_option(key.option, kind, () if key.type == "list" else None, key.help)


def read() -> Config:
    """
    The settings that hold now.

    Raises:
        OptionsError: one of them is wrong.
    """
    given: dict[str, object] = {}
    for key in keys():
        value = getattr(ctx.options, key.option)
        if value is not None and value != ():
            given[key.option] = list(value) if key.type == "list" else value
    try:
        return load(environ=os.environ, options=given)
    except ConfigError as error:
        raise exceptions.OptionsError(str(error)) from error
