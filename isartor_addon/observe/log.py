"""Logging: what this package says goes through one gate, where credentials are taken out."""

from __future__ import annotations

import logging

from isartor_addon.observe.redact import Redaction

NAME = "isartor_addon"
_QUIET = ("httpx2", "httpcore2", "hpack", "asyncio", "faiss")
"""Loggers of others that say too much: faiss, for one, names every build of it that is not there."""


class Gate(logging.Handler):
    """
    Redacts every record on its way up to the handlers of the root logger.

    A filter on a logger does not see the records of loggers below it; a handler does, and what it changes stays so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Redaction())

    def emit(self, record: logging.LogRecord) -> None:
        """Nothing is left to do, but for the last resort, which does not work where there is any handler on the way."""
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not logging.getLogger().handlers:
            last.handle(record)


def set_up(level: str) -> None:
    """
    Say how much is logged. May be called again.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    logger = logging.getLogger(NAME)
    logger.setLevel(level.upper())
    if not any(isinstance(each, Gate) for each in logger.handlers):
        logger.addHandler(Gate())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
