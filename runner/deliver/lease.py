"""Who holds a claimed send: a process that can be seen to live, or a time that runs out."""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

#: How long a claim holds after its holder's last sign of life.
LASTS = timedelta(minutes=5)
#: Seconds between two signs of life.
BEAT = 60.0


class Lease:
    """This process's mark on what it claims. The file lock goes with the process, however it dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beat = BEAT
        folder.mkdir(parents=True, exist_ok=True)
        self._begin()

    def _begin(self) -> None:
        self.owner = f"{socket.gethostname()}/{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._path = self._path_of(self.owner)
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Around what is done with claims: where it breaks off, they are left as by a dead process, to be swept."""
        try:
            yield
        except BaseException:
            self._file.close()
            self._begin()
            raise

    def is_over(self, owner: str | None, until: datetime | None, machine_now: datetime) -> bool:
        """Whether whoever held it is gone: its process is dead, or its time has run out."""
        if until is None or until < machine_now:
            return True
        if owner is None or owner == self.owner:
            return False
        return owner.startswith(f"{socket.gethostname()}/") and self._is_dead(owner)

    def _is_dead(self, owner: str) -> bool:
        try:
            with self._path_of(owner).open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Locked, so it lives; or not of this workspace's folder, and only time can tell.
            return False
        return True

    def forget(self, owner: str) -> None:
        """Removes a dead process's mark; one that is merely late keeps its own, by which its death will be seen."""
        if owner != self.owner and self._is_dead(owner):
            self._path_of(owner).unlink(missing_ok=True)

    def _path_of(self, owner: str) -> Path:
        return self.folder / f"{owner.rpartition('/')[2]}.lease"

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()
