"""Take credentials out of log records."""

from __future__ import annotations

import logging

from isartor_addon.core.redact import redact


class Redaction(logging.Filter):
    """Takes credentials out of records: message, arguments, traceback and stack become one redacted text."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record`; it always passes."""
        try:
            text = record.getMessage()
        except Exception:
            # A record whose arguments do not fit its message: neither may be shown.
            text = "a log record that cannot be written"
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + self._formatter.formatException(record.exc_info)
        elif record.exc_text:
            text += "\n" + record.exc_text
        if record.stack_info:
            text += "\n" + record.stack_info
        record.msg, record.args = redact(text), None
        record.exc_info = record.exc_text = record.stack_info = None
        return True
