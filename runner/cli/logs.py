"""The log: a record a line to standard error, readable on a terminal and JSON elsewhere; never on standard output."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(level: int = logging.WARNING) -> None:
    """Sets up our records from `level` on, and the warnings of the libraries in the same form."""
    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _readable() if sys.stderr.isatty() else _machine_readable()
    structlog.configure(
        processors=[*common, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Asked anew for each record: standard error may have been led elsewhere meanwhile.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=common, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    libraries = _ToStandardError()
    libraries.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[libraries], force=True)


class _ToStandardError(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def _readable() -> list[Any]:
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _machine_readable() -> list[Any]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
