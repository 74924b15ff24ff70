"""When a send was handed over"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from runner.store import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sends", sa.Column("handed_at", types.Instant(), nullable=True))
    # Nobody knows of the older ones whether they were: as before, a lost one is unsure.
    op.execute("UPDATE sends SET handed_at = claimed_at")


def downgrade() -> None:
    op.drop_column("sends", "handed_at")
