"""What customers have earned: friends they brought are followed to their reward, points and tiers kept.

Each stage of it reads facts and writes rows of its own and events; playbooks do what is to be done about them.
"""

from __future__ import annotations

from runner.reward.as_facts import tell_facts
from runner.reward.coupons import Pool
from runner.reward.followed import Followed, follow
from runner.reward.happenings import Happening, tell
from runner.reward.points import count_points, grant, turns
from runner.reward.tiers import place

__all__ = ["Followed", "Happening", "Pool", "count_points", "follow", "grant", "place", "tell", "tell_facts", "turns"]
