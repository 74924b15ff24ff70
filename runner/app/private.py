"""Where a workspace keeps its own business: leases, the daemon's pid, verdicts, archives of rehearsals."""

from __future__ import annotations

#: A folder in the workspace's own.
PRIVATE = ".regulars"
