"""SQL that was compiled for one store serves every other of its kind in this process."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sqlalchemy.util import LRUCache

#: The tests of all starters together run 400 different statements.
_AT_MOST = 1000


class CompiledSql(LRUCache[tuple[Any, ...], Any]):
    """What engines share whose dialects differ in nothing that is written into SQL.

    SQLAlchemy looks compiled SQL up by the dialect object, of which each engine has one of its own
    (https://github.com/sqlalchemy/sqlalchemy/issues/5002); here what the server is stands in its place.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(_of_its_kind(key), default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(_of_its_kind(key), value)


def _of_its_kind(key: tuple[Any, ...]) -> tuple[Hashable, ...]:
    dialect, *statement = key
    return (dialect.name, dialect.server_version_info, *statement)


#: For the execution options of every engine.
SHARED = CompiledSql(_AT_MOST)
