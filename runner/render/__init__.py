"""Templates and people become mail: one skeleton for all whose text takes the same path, and each one's own words."""

from __future__ import annotations

from runner.render.batch import Group
from runner.render.counting import counted
from runner.render.letters import Templates
from runner.render.linking import unsubscribe_headers
from runner.render.readers import Person, Rendered, RenderFault

__all__ = ["Group", "Person", "RenderFault", "Rendered", "Templates", "counted", "unsubscribe_headers"]
