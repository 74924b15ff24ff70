"""The edge of a playbook, or of a night's work: what goes wrong within is logged and told, and stops nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog

log = structlog.get_logger()


class Edge:
    """For one tick. A playbook that failed is left alone until the next one."""

    def __init__(self) -> None:
        self._failed: dict[str, str] = {}

    @contextmanager
    def of(self, playbook: str, action: str) -> Iterator[None]:
        """Around what is done for one playbook, or for something that no playbook waits for."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            # Not the whole error: it shows the parameters, and so people's addresses.
            told = str(getattr(error, "orig", None) or type(error).__name__)
            log.error("failed in the store", action=action, playbook=playbook, error=told)
            self._failed[playbook] = told
        except Exception as error:
            log.exception("failed", action=action, playbook=playbook)
            self._failed[playbook] = f"{type(error).__name__}: {error}"

    def has_failed(self, playbook: str) -> bool:
        return playbook in self._failed

    def told(self) -> list[str]:
        """In words, one a playbook."""
        return [f"{id}: could not go on, the others did: {_first_line(why)}" for id, why in self._failed.items()]


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0][:300]
