"""The command line. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

from runner.cli.main import main

__all__ = ["main"]
