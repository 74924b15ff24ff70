"""unsure sends that have settled_at were sent again; those of before wait for a person"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE sends SET settled_at = NULL WHERE state = 'unsure'")


def downgrade() -> None:
    """Nothing that a version before would miss."""
