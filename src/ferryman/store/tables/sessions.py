"""Sessions and their recordings.

A page of sessions must cost the same however long history is: every filter of DescribeSessions has an index whose
columns are what the filter fixes, then the order of the page, so that a page is one short walk along one index.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

from ferryman.store.tables.metadata import metadata

FIRST_ENDED_STATUS = 10
"""Status codes from here on are those of ended sessions."""

sessions = Table(
    "sessions",
    metadata,
    # SQLite keeps rows in order of this number, which is the order of time: a page reads neighbouring rows.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("session_id", String(96), nullable=False, unique=True),
    Column("target", String(400), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column(
        "ended",
        SmallInteger,
        Computed(f"CASE WHEN status >= {FIRST_ENDED_STATUS} THEN 1 ELSE 0 END", persisted=True),
        nullable=False,
    ),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("deadline_at", BigInteger, nullable=False),
    Column("document_name", String(128), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("owner_id", String(128), nullable=False),
    Column("owner_name", String(128), nullable=False),
    Column("idle_timeout", Integer, nullable=False),
    Column("max_duration", Integer),
    Column("access_type", SmallInteger, nullable=False),
    Column("reason", String(256)),
    Column("details", String(1024)),
    Column("token_id", String(64)),
    Column("document_version", Integer),
    # Gone when the session ends, so that pages of DescribeSessions stay small.
    Column("document_content", Text),
    Column("idles", Boolean, nullable=False, server_default=true()),
    Column("access_request_id", String(15)),
    Column("access_ends_at", BigInteger),
    Column("person_id", String(128)),
    Column("document_size", Integer),  # bytes of document_content
    Column("s3_output_url", String(2083)),
    Column("cloud_watch_output_url", String(2083)),
    Column("trace_parent", String(55)),
)


def _page_index(name: str, *named: Column[object]) -> Index:
    fixed = (*named, sessions.c.status, sessions.c.access_type)
    return Index(f"sessions_{name}", *fixed, sessions.c.started_at.desc(), sessions.c.session_id)


# The indexes that `store.sessions.pages` walks.
_page_index("by_status")
_page_index("by_target", sessions.c.target)
_page_index("by_owner", sessions.c.owner)
_page_index("by_owner_name", sessions.c.owner_name)
_page_index("by_target_and_owner", sessions.c.target, sessions.c.owner)
_page_index("by_target_and_owner_name", sessions.c.target, sessions.c.owner_name)
Index(
    "sessions_due",
    sessions.c.deadline_at,
    sqlite_where=text(f"status < {FIRST_ENDED_STATUS}"),
    postgresql_where=text(f"status < {FIRST_ENDED_STATUS}"),
)
Index(
    "sessions_by_person",  # covers what a person's quota counts
    sessions.c.person_id,
    sessions.c.status,
    sessions.c.target,
    sessions.c.document_size,
    sqlite_where=text(f"status < {FIRST_ENDED_STATUS}"),
    postgresql_where=text(f"status < {FIRST_ENDED_STATUS}"),
)
Index("sessions_ended_at", sessions.c.ended_at)
Index(
    "sessions_by_access_request",
    sessions.c.access_request_id,
    sqlite_where=text("access_request_id IS NOT NULL"),
    postgresql_where=text("access_request_id IS NOT NULL"),
)

recordings = Table(
    "recordings",
    metadata,
    Column("session_id", String(96), primary_key=True),
    Column("target", String(400), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("owner_name", String(128), nullable=False),
    Column("document_name", String(128), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("duration", BigInteger),
    Column("blocks", BigInteger),
    Column("size", BigInteger),
    Column("head", LargeBinary),
    Column("data_key", LargeBinary, nullable=False),
    Column("retained_until", BigInteger),
    Column("hold_reason", String(256)),
    Column("held_by", String(256)),
    Column("held_at", BigInteger),
    # Set before anything is deleted, so that no hold can be put on what is half gone.
    Column("deleting", Boolean, nullable=False, server_default=false()),
)
_NEWEST_RECORDINGS = (recordings.c.started_at.desc(), recordings.c.session_id)
Index("recordings_by_start", *_NEWEST_RECORDINGS)
Index("recordings_by_target", recordings.c.target, *_NEWEST_RECORDINGS)
Index("recordings_by_owner", recordings.c.owner, *_NEWEST_RECORDINGS)
Index(
    "recordings_unfinished",
    recordings.c.session_id,
    sqlite_where=text("finished_at IS NULL"),
    postgresql_where=text("finished_at IS NULL"),
)
