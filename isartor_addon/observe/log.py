"""Logging: what this package says goes through one gate, where credentials are taken out."""

from __future__ import annotations

import logging

from isartor_addon.observe.redact import Redaction

NAME = "isartor_addon"
_QUIET = ("httpx", "httpcore", "uvicorn", "uvicorn.access", "uvicorn.error", "hpack", "asyncio")


class Gate(logging.Handler):
    """
    Redacts a record and hands it to the handlers of the root logger.

    A filter on a logger does not see the records of loggers below it; a handler does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Redaction())

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        logging.getLogger().callHandlers(record)


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
    logger.propagate = False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
