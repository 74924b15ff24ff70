"""The starter playbooks, templates and settings travel inside the wheel as `runner/starters/`.

An editable install has no such copies: there the code reads the repository's own folders, so an edit shows at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STARTERS = ("playbooks", "templates", "regulars.yaml")


class ShipStarters(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in STARTERS:
            source = Path(self.root, name)
            if source.exists():
                build_data["force_include"][str(source)] = f"runner/starters/{name}"
