"""Recordings of `record` actions, and of speech input with kept audio.

Combinations of the columns:

    waiting              state waiting, due_at set
    being fetched        as for waiting, with claim set and leased_until in the future; has_file 1
    kept                 state kept, content_type and sha256 set; due_at only if its transcript is still waiting
    given up             state failed or gone, problem and cure set, due_at NULL
    deleted              deleted_at set, all else as before
    deleted for good     state deleted, all data about the call erased; has_file 1 until its file is removed

Files and objects are named after the ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.moments import moment_of
from ncco_server.store.database import InDatabase, Keyed, Many, Row, Work, in_one_transaction
from ncco_server.store.rows import hash_of
from ncco_server.store.sql import RECORDINGS_TABLE, Sql

RecordingKind: TypeAlias = Literal["record", "conversation", "voice-input"]
"""`conversation`: a recorded conversation. `voice-input`: the audio of an `input` with `saveAudio`."""

RecordingState: TypeAlias = Literal["waiting", "kept", "failed", "gone", "deleted"]
"""`failed`: given up; `gone` at Vonage; `deleted` for good: only its ID is left, so a second webhook does not restore
it.
"""


_SUFFIXES: Final = {"audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/ogg": ".ogg"}


class RecordingRow(NamedTuple):
    """A recording. Times are milliseconds since 1970; None if that has not happened or is not known.

    Attributes:
        uuid: Vonage's ID, or a hash of the URL if there is none.
        session, flow, step: "" if unknown.
        about, caller_name: the flow's text parameters, such as a message's team; never sensitive.
        from_number, to_number: digits with the country code, or a user's name.
        url, transcript_url: never shown. "" until a webhook announces them: the transcript may come first.
        size: in bytes, first as announced and later as fetched.
        content_type: "" until the audio is kept.
        sha256: of the last fetched audio, kept or not.
        problem, cure: why the audio or transcript is not kept yet, without values of the call; or "".
        due_at: when to fetch it next.
        leased_until: before this time, only the process that claimed it may fetch it.
        claim: of the recordings that are claimed together; "" while no process fetches it.
        has_file: 1 if a file may exist, otherwise 0.
        transcript_state: "" if no transcript was announced.
        transcript: one line per channel.
    """

    id: str
    uuid: str
    kind: RecordingKind
    created_at: int
    session: str = ""
    conversation: str = ""
    flow: str = ""
    step: str = ""
    about: str = ""
    caller_name: str = ""
    from_number: str = ""
    to_number: str = ""
    url: str = ""
    started_at: int | None = None
    duration_ms: int | None = None
    size: int | None = None
    content_type: str = ""
    sha256: str = ""
    state: RecordingState = "waiting"
    problem: str = ""
    cure: str = ""
    due_at: int | None = None
    leased_until: int = 0
    claim: str = ""
    tries: int = 0
    has_file: int = 0
    transcript_url: str = ""
    transcript_state: RecordingState | Literal[""] = ""
    transcript: str = ""
    heard_at: int | None = None
    heard_by: str = ""
    done_at: int | None = None
    done_by: str = ""
    deleted_at: int | None = None
    deleted_by: str = ""

    @property
    def suffix(self) -> str:
        """Return "" until the type of the audio is known."""
        return _SUFFIXES.get(self.content_type, "")

    @property
    def file_name(self) -> str:
        at = moment_of(self.started_at or self.created_at)
        return f"message-{at:%Y-%m-%d-%H%M}{self.suffix}"

    def is_being_fetched(self, now: int) -> bool:
        return self.due_at is not None and self.leased_until > now


class RecordingFilter(NamedTuple):
    """Which recordings to list, never those deleted for good; "" and None mean any.

    `number` is digits that the caller's or the called number contains.
    """

    kind: str = ""
    session: str = ""
    flow: str = ""
    number: str = ""
    is_done: bool | None = None
    is_deleted: bool | None = False


ANY_RECORDING: Final = RecordingFilter()


class RecordingCounts(NamedTuple):
    """Numbers of recordings.

    Attributes:
        new: messages (kind `record`) that nobody has listened to, marked as done or deleted.
        waiting: recordings and transcripts to be fetched.
        failed: given up, or gone at Vonage, and not deleted.
    """

    new: int = 0
    waiting: int = 0
    failed: int = 0


_FIELDS: Final = RecordingRow._fields
RECORDING_COLUMNS: Final = ", ".join(_FIELDS)
_IS_NEW: Final = (
    "kind = 'record' AND heard_at IS NULL AND done_at IS NULL AND deleted_at IS NULL AND state <> 'deleted'"
)
_HAS_FAILED: Final = "deleted_at IS NULL AND (state IN ('failed', 'gone') OR transcript_state IN ('failed', 'gone'))"

# A second webhook finds the URL of the first one. It never restores what was deleted for good or changes another call's
# recording.
_MAY_ADD: Final = "known.state <> 'deleted' AND (known.session = '' OR excluded.session IN ('', known.session))"


def _add_unless(is_free: str, changes: str) -> Sql:
    where = f"WHERE {is_free} AND {_MAY_ADD}"
    conflict = f"ON CONFLICT (uuid) DO UPDATE SET {changes}, due_at = excluded.due_at, tries = 0 {where}"
    return Sql.insert(f"{RECORDINGS_TABLE} AS known", _FIELDS, conflict)


ADD_AUDIO: Final = _add_unless(
    "known.url = ''",
    "url = excluded.url, started_at = excluded.started_at, duration_ms = excluded.duration_ms, size = excluded.size",
)

ADD_TRANSCRIPT: Final = _add_unless(
    "known.transcript_url = ''",
    "transcript_url = excluded.transcript_url, transcript_state = excluded.transcript_state",
)

_SELECT: Final = f"SELECT {RECORDING_COLUMNS} FROM {RECORDINGS_TABLE}"

SELECT: Final = Sql(f"{_SELECT} WHERE id = $1")

SELECT_BY_UUID: Final = Sql(f"{_SELECT} WHERE uuid = $1")

SELECT_PAGE: Final = Sql(f"""
    SELECT {RECORDING_COLUMNS}
    FROM {RECORDINGS_TABLE}
    WHERE state <> 'deleted'
        AND (CAST($2 AS text) = '' OR (created_at, id) < (SELECT created_at, id FROM {RECORDINGS_TABLE} WHERE id = $2))
        AND (CAST($3 AS text) = '' OR kind = $3) AND (CAST($4 AS text) = '' OR session = $4)
        AND (CAST($5 AS text) = '' OR flow = $5)
        AND (CAST($6 AS text) = '' OR replace(from_number, $6, '') <> from_number
            OR replace(to_number, $6, '') <> to_number)
        AND (CAST($7 AS bigint) IS NULL OR $7 = CASE WHEN done_at IS NULL THEN 0 ELSE 1 END)
        AND (CAST($8 AS bigint) IS NULL OR $8 = CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END)
    ORDER BY created_at DESC, id DESC
    LIMIT $1
""")

SELECT_CHANGES: Final = Sql(f"""
    SELECT id, state, problem, transcript_state, heard_at, done_at, deleted_at
    FROM {RECORDINGS_TABLE}
    ORDER BY created_at DESC, id DESC
    LIMIT $1
""")

COUNT: Final = Sql(f"""
    SELECT
        (SELECT count(*) FROM {RECORDINGS_TABLE} WHERE {_IS_NEW}),
        (SELECT count(*) FROM {RECORDINGS_TABLE} WHERE due_at IS NOT NULL),
        (SELECT count(*) FROM {RECORDINGS_TABLE} WHERE {_HAS_FAILED})
""")

_DUE: Final = f"FROM {RECORDINGS_TABLE} WHERE due_at <= $1 AND leased_until <= $1"

SELECT_ANY_DUE: Final = Sql(f"SELECT EXISTS (SELECT 1 {_DUE})")

SELECT_OLDEST_DUE, SELECT_NEWEST_DUE = (
    Sql(f"SELECT {RECORDING_COLUMNS} {_DUE} ORDER BY due_at {order} LIMIT $2").locking("FOR UPDATE SKIP LOCKED")
    for order in ("ASC", "DESC")
)

CLAIM: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET leased_until = $2, claim = $3, tries = tries + 1, has_file = 1 WHERE id = $1
""")

RENEW: Final = Sql(f"UPDATE {RECORDINGS_TABLE} SET leased_until = $3 WHERE id = $1 AND claim = $2 RETURNING id")

SELECT_CLAIMED: Final = Sql(f"{_SELECT} WHERE id = $1 AND claim = $2").locking("FOR UPDATE")

FINISH: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE}
    SET state = $2, size = $3, content_type = $4, sha256 = $5, problem = $6, cure = $7, due_at = $8, tries = $9,
        transcript_state = $10, transcript = $11, leased_until = 0, claim = ''
    WHERE id = $1
""")

EXPLAIN: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET problem = $1, cure = $2, due_at = $4
    WHERE id IN (SELECT id FROM {RECORDINGS_TABLE} WHERE due_at <= $3 AND leased_until <= $3 LIMIT 1000)
""")
"""At most 1,000 rows, because in SQLite calls wait for the transaction."""

RETRY: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE}
    SET due_at = $1, tries = 0,
        state = CASE WHEN state IN ('failed', 'gone') THEN 'waiting' ELSE state END,
        transcript_state = CASE WHEN transcript_state IN ('failed', 'gone') THEN 'waiting' ELSE transcript_state END
    WHERE state <> 'deleted' AND leased_until <= $1 AND (CAST($2 AS text) = '' OR id = $2)
        AND (due_at IS NOT NULL OR state IN ('failed', 'gone') OR transcript_state IN ('failed', 'gone'))
    RETURNING id
""")

SELECT_KEPT: Final = Sql(f"SELECT id FROM {RECORDINGS_TABLE} WHERE state = 'kept' AND deleted_at IS NULL")

LOSE: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET state = 'waiting', due_at = $1, tries = 0
    WHERE id = $2 AND state = 'kept' AND leased_until <= $1
    RETURNING id
""")

HEAR: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET heard_at = $2, heard_by = $3 WHERE id = $1 AND heard_at IS NULL RETURNING id
""")

SET_DONE: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET done_at = $2, done_by = $3 WHERE id = $1 AND state <> 'deleted' RETURNING id
""")

SET_DELETED: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE} SET deleted_at = $2, deleted_by = $3 WHERE id = $1 AND state <> 'deleted' RETURNING id
""")

SELECT_EXPIRED: Final = Sql(f"""
    SELECT id FROM (
        SELECT id FROM {RECORDINGS_TABLE} WHERE deleted_at <= $2 AND state <> 'deleted' AND leased_until <= $1 LIMIT $4
    ) AS deleted
    UNION
    SELECT id FROM (
        SELECT id FROM {RECORDINGS_TABLE} WHERE created_at < $3 AND state <> 'deleted' AND leased_until <= $1 LIMIT $4
    ) AS old
    LIMIT $4
""")

# Somebody may restore a recording before it is locked.
LOCK_EXPIRED: Final = Sql(f"""
    SELECT id FROM {RECORDINGS_TABLE}
    WHERE id = $1 AND state <> 'deleted' AND leased_until <= $2 AND (deleted_at <= $3 OR created_at < $4)
""").locking("FOR UPDATE")

# The other columns reveal nothing about the call.
ERASE: Final = Sql(f"""
    UPDATE {RECORDINGS_TABLE}
    SET state = 'deleted', session = '', conversation = '', flow = '', step = '', about = '', caller_name = '',
        from_number = '', to_number = '', url = '', transcript_url = '', transcript_state = '', transcript = '',
        sha256 = '', size = NULL, started_at = NULL, duration_ms = NULL, problem = '', cure = '', due_at = NULL,
        claim = ''
    WHERE id = $1
    RETURNING id, uuid
""")

FORGET_UUID: Final = Sql(f"UPDATE {RECORDINGS_TABLE} SET uuid = $2 WHERE id = $1")

SELECT_UUID: Final = Sql(f"SELECT uuid FROM {RECORDINGS_TABLE} WHERE uuid = $1")

SELECT_REMOVABLE: Final = Sql(f"""
    SELECT id FROM {RECORDINGS_TABLE} WHERE state = 'deleted' AND has_file = 1 AND leased_until <= $1 LIMIT $2
""")

REMOVED: Final = Sql(f"UPDATE {RECORDINGS_TABLE} SET has_file = 0 WHERE id = $1")

DELETE_REMAINS: Final = Sql(f"""
    DELETE FROM {RECORDINGS_TABLE} WHERE state = 'deleted' AND has_file = 0 AND created_at < $1
""")


def add_recording(row: RecordingRow) -> Work[None]:
    """Write only the transcript if `url` is "". A repeated webhook changes nothing."""
    if (yield Keyed(SELECT_UUID, (hash_of(row.uuid),))):  # the call was forgotten
        return
    yield ADD_AUDIO if row.url or not row.transcript_url else ADD_TRANSCRIPT, row


def erase(ids: Sequence[str], *, with_uuid: bool = False) -> Work[list[str]]:
    """Delete for good, except the files, which `Recordings.removable` lists; return the IDs.

    With `with_uuid`, a hash replaces Vonage's ID.
    """
    erased = yield Many(ERASE, [(id_,) for id_ in ids])
    if with_uuid:
        yield Many(FORGET_UUID, [(id_, hash_of(uuid)) for id_, uuid in erased])
    return [id_ for id_, _ in erased]


class Recordings(InDatabase):
    """The recordings in an open database. `now` is in milliseconds."""

    # For people

    async def list(
        self, limit: int, before: str = "", wanted: RecordingFilter = ANY_RECORDING
    ) -> Sequence[RecordingRow]:
        """Return the newest first, after the one with the ID `before`."""
        flags = (None if flag is None else int(flag) for flag in wanted[-2:])
        return await self.all(RecordingRow._make, SELECT_PAGE, limit, before, *wanted[:-2], *flags)

    async def changes(self, limit: int) -> Sequence[Row]:
        """Changes whenever one of the newest `limit` recordings does."""
        return await self.read(SELECT_CHANGES, limit)

    async def get(self, id_: str) -> RecordingRow | None:
        return await self.one(RecordingRow._make, SELECT, id_)

    async def find(self, uuid: str) -> RecordingRow | None:
        return await self.one(RecordingRow._make, SELECT_BY_UUID, uuid)

    async def count(self) -> RecordingCounts:
        return RecordingCounts(*(await self.read(COUNT))[0])

    async def mark_heard(self, id_: str, now: int, by: str) -> bool:
        return await self._changed(HEAR, id_, now, by)

    async def mark_done(self, id_: str, now: int | None, by: str) -> bool:
        """`now` None undoes this. Returns False if the recording is missing or deleted for good."""
        return await self._changed(SET_DONE, id_, now, by if now is not None else "")

    async def mark_deleted(self, id_: str, now: int | None, by: str) -> bool:
        """See `mark_done`."""
        return await self._changed(SET_DELETED, id_, now, by if now is not None else "")

    @in_one_transaction
    def retry(self, now: int, id_: str = "") -> Work[int]:
        """Begin again with unfetched recordings (no ID: all); return how many."""
        return len((yield RETRY, (now, id_)))

    async def kept(self) -> Sequence[str]:
        """Reads the whole table: only for commands."""
        return [id_ for (id_,) in await self.read(SELECT_KEPT)]

    async def mark_lost(self, id_: str, now: int) -> bool:
        """Fetch a recording whose file is lost again. Returns False if it is not kept."""
        return await self._changed(LOSE, now, id_)

    # For fetching and removing

    @in_one_transaction
    def add(self, row: RecordingRow) -> Work[None]:
        yield from add_recording(row)

    async def has_due(self, now: int) -> bool:
        return await self.is_any(SELECT_ANY_DUE, now)

    @in_one_transaction
    def claim(
        self, now: int, leased_until: int, claim: str, limit: int, *, is_newest_first: bool = False
    ) -> Work[Sequence[RecordingRow]]:
        """Claim the longest overdue, or with `is_newest_first` the newest due."""
        select = SELECT_NEWEST_DUE if is_newest_first else SELECT_OLDEST_DUE
        due = list(map(RecordingRow._make, (yield select, (now, limit))))
        yield Many(CLAIM, [(row.id, leased_until, claim) for row in due])
        return [row._replace(leased_until=leased_until, claim=claim, tries=row.tries + 1, has_file=1) for row in due]

    async def renew(self, id_: str, claim: str, leased_until: int) -> bool:
        """Return False if another process has claimed the recording."""
        return await self._changed(RENEW, id_, claim, leased_until)

    @in_one_transaction
    def finish(self, row: RecordingRow, next_at: int) -> Work[bool]:
        """Return False if the claim is gone or the recording is deleted for good.

        `next_at` is the time of the next attempt, if the audio or transcript is `waiting`.
        """
        found = yield SELECT_CLAIMED, (row.id, row.claim)
        if not found:
            return False
        now = RecordingRow._make(found[0])
        audio = row if row.url else now  # `now` may have a URL announced in the meantime
        text = row if row.transcript_url else now
        is_waiting = (now.url and audio.state == "waiting") or text.transcript_state == "waiting"
        yield (
            FINISH,
            (
                row.id,
                audio.state,
                audio.size,
                audio.content_type,
                audio.sha256,
                row.problem,
                row.cure,
                next_at if is_waiting else None,
                now.tries,
                text.transcript_state,
                text.transcript,
            ),
        )
        return True

    @in_one_transaction
    def explain(self, problem: str, cure: str, now: int, due_at: int) -> Work[None]:
        """Postpone all due rows, with the reason."""
        yield EXPLAIN, (problem, cure, now, due_at)

    @in_one_transaction
    def erase_expired(self, now: int, deleted_until: int, before: int, limit: int) -> Work[Sequence[str]]:
        """Leave the files; take what was deleted by `deleted_until` or created before `before`."""
        found = yield SELECT_EXPIRED, (now, deleted_until, before, limit)
        expired = yield Many(LOCK_EXPIRED, [(id_, now, deleted_until, before) for (id_,) in found])
        return (yield from erase([id_ for (id_,) in expired]))

    @in_one_transaction
    def erase(self, ids: Sequence[str]) -> Work[Sequence[str]]:
        return (yield from erase(ids))

    async def removable(self, now: int, limit: int) -> Sequence[str]:
        return [row[0] for row in await self.read(SELECT_REMOVABLE, now, limit)]

    @in_one_transaction
    def removed(self, ids: Sequence[str]) -> Work[None]:
        yield Many(REMOVED, [(id_,) for id_ in ids])

    @in_one_transaction
    def delete_remains(self, before: int) -> Work[None]:
        yield DELETE_REMAINS, (before,)

    @in_one_transaction
    def _changed(self, sql: Sql, *values: object) -> Work[bool]:
        return bool((yield sql, values))
