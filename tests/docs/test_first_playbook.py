"""docs/first_playbook.md shows what the commands really say."""

from __future__ import annotations

from pathlib import Path

from tools.live_tutorial import PAGE, lived


def test_every_output_of_the_first_playbook_page_is_what_its_command_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert lived(page, tmp_path) == page, "run: python tools/live_tutorial.py"
