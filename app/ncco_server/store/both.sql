-- The rest of version 0015, which follows sqlite.sql or postgres.sql, and later versions. The SQL works in both
-- databases, except for statements that begin with a comment `only in PostgreSQL`.

-- Calls wait while SQLite reads, so a server never reads the whole table of recordings: a number is searched in the
-- index by time. The transcript is the last column, because SQLite would read through it to reach a later one.

CREATE TABLE ncco_recordings (
    id text NOT NULL,
    uuid text NOT NULL,
    kind text NOT NULL,
    created_at bigint NOT NULL,
    session text NOT NULL,
    conversation text NOT NULL,
    flow text NOT NULL,
    step text NOT NULL,
    about text NOT NULL,
    caller_name text NOT NULL,
    from_number text NOT NULL,
    to_number text NOT NULL,
    url text NOT NULL,
    started_at bigint,
    duration_ms bigint,
    size bigint,
    content_type text NOT NULL,
    sha256 text NOT NULL,
    state text NOT NULL,
    problem text NOT NULL,
    cure text NOT NULL,
    due_at bigint,
    leased_until bigint NOT NULL,
    claim text NOT NULL,
    tries bigint NOT NULL,
    has_file bigint NOT NULL,
    transcript_url text NOT NULL,
    transcript_state text NOT NULL,
    heard_at bigint,
    heard_by text NOT NULL,
    done_at bigint,
    done_by text NOT NULL,
    deleted_at bigint,
    deleted_by text NOT NULL,
    transcript text NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (uuid)
);

CREATE INDEX ncco_recordings_by_time
    ON ncco_recordings (created_at, id, from_number, to_number);

CREATE INDEX ncco_recordings_by_call
    ON ncco_recordings (session);

CREATE INDEX ncco_recordings_due
    ON ncco_recordings (due_at)
    WHERE due_at IS NOT NULL;

CREATE INDEX ncco_recordings_deleted
    ON ncco_recordings (deleted_at)
    WHERE deleted_at IS NOT NULL;

CREATE INDEX ncco_recordings_removable
    ON ncco_recordings (id)
    WHERE state = 'deleted' AND has_file = 1;

CREATE INDEX ncco_recordings_new
    ON ncco_recordings (created_at)
    WHERE kind = 'record' AND heard_at IS NULL AND done_at IS NULL AND deleted_at IS NULL AND state <> 'deleted';

CREATE INDEX ncco_recordings_failed
    ON ncco_recordings (created_at)
    WHERE deleted_at IS NULL AND (state IN ('failed', 'gone') OR transcript_state IN ('failed', 'gone'));

CREATE TABLE ncco_backups (made_at bigint NOT NULL, bytes bigint NOT NULL);

-- Hashes of the legs, conversations and sessions of forgotten calls. Late webhooks of these calls are not written.

CREATE TABLE ncco_forgotten (
    name text NOT NULL,
    forgotten_at bigint NOT NULL,
    PRIMARY KEY (name)
);

-- Calls that this server places, and their attempts. `key` identifies a repeated request, and `digest` shows whether
-- its body is the same. The sensitive params are encrypted with `salt` and the server's key; it is '' once the call is
-- over. `origin` tells how the call was requested: 'api', 'cli', 'console' or 'hook'. The next call to place is found in
-- an index alone, however many calls wait for a busy number or for another host's flow. An attempt without over_at is in
-- progress: there is at most one for each flow and number.

CREATE TABLE ncco_placed (
    id text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    owner text NOT NULL,
    batch text NOT NULL,
    flow text NOT NULL,
    number text NOT NULL,
    params text NOT NULL,
    chain bigint NOT NULL,
    state text NOT NULL,
    outcome text NOT NULL,
    problem text NOT NULL,
    tries bigint NOT NULL,
    wanted_at bigint NOT NULL,
    expires_at bigint,
    due_at bigint,
    cancelled_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    salt text NOT NULL DEFAULT '',
    origin text NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    UNIQUE (key)
);

CREATE INDEX ncco_placed_next
    ON ncco_placed (due_at, id, flow, number)
    WHERE due_at IS NOT NULL;

CREATE INDEX ncco_placed_to_stop
    ON ncco_placed (batch, due_at)
    WHERE due_at IS NOT NULL AND batch <> '';

CREATE INDEX ncco_placed_expiring
    ON ncco_placed (expires_at, flow)
    WHERE due_at IS NOT NULL AND expires_at IS NOT NULL;

CREATE INDEX ncco_placed_by_time
    ON ncco_placed (created_at, id);

CREATE INDEX ncco_placed_by_batch
    ON ncco_placed (batch)
    WHERE batch <> '';

CREATE TABLE ncco_attempts (
    placed text NOT NULL,
    number bigint NOT NULL,
    flow text NOT NULL,
    to_number text NOT NULL,
    revision text NOT NULL,
    state text NOT NULL,
    leg text NOT NULL,
    conversation text NOT NULL,
    placing_at bigint NOT NULL,
    give_up_at bigint,
    answered_at bigint,
    over_at bigint,
    outcome text NOT NULL,
    problem text NOT NULL,
    PRIMARY KEY (placed, number)
);

CREATE UNIQUE INDEX ncco_attempts_under_way
    ON ncco_attempts (flow, to_number)
    WHERE over_at IS NULL;

CREATE INDEX ncco_attempts_by_time
    ON ncco_attempts (placing_at);

CREATE INDEX ncco_attempts_to_give_up
    ON ncco_attempts (give_up_at)
    WHERE give_up_at IS NOT NULL;

-- No call is placed before held_until, because Vonage accepts none.

CREATE TABLE ncco_placing (
    id bigint NOT NULL,
    next_at bigint NOT NULL,
    paused_at bigint,
    paused_by text NOT NULL,
    reason text NOT NULL,
    held_until bigint,
    held_for text NOT NULL DEFAULT '',
    PRIMARY KEY (id)
);

-- API keys of programs: the SHA-256 of each key. Commas separate the names of the flows whose calls they may request,
-- and of the tables whose rows they may change, or only read.

CREATE TABLE ncco_api_keys (
    hash text NOT NULL,
    name text NOT NULL,
    flows text NOT NULL,
    created_at bigint NOT NULL,
    tables text NOT NULL DEFAULT '',
    PRIMARY KEY (hash)
);

-- The results of calls. `party` is the person on the other side, `line` our number; `party_end` is `party` backwards, so
-- that an index finds its last digits. Keys grow with time, so most indexes end with the key, by which lists are sorted.
-- The database's own collation could sort digits after punctuation. ended_at is NULL if the end was never reported. A
-- result is not `is_last` if the leg has a later session. version and webhook are the call's version and last webhook
-- that the result covers. The counted columns are what ncco_sums contains of the row: a row with counted_result = '' is
-- not in it. Each call is in three sums: by quarter, result and flow (level 0), by quarter and everything (1), and by
-- day and everything (2). A report reads the days, the quarters at its edges, and when calls began.

CREATE TABLE ncco_results (
    call_key bigint NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
    id text NOT NULL,
    previous text NOT NULL,
    is_last boolean NOT NULL,
    direction text NOT NULL,
    flow text NOT NULL,
    party text NOT NULL,
    party_end text NOT NULL,
    line text NOT NULL,
    name text NOT NULL,
    step text NOT NULL,
    is_played boolean NOT NULL,
    has_failed boolean NOT NULL,
    result text NOT NULL,
    own text NOT NULL,
    rang text NOT NULL,
    began_at bigint NOT NULL,
    person_at bigint,
    ended_at bigint,
    version bigint NOT NULL,
    webhook bigint NOT NULL,
    changed_at bigint NOT NULL,
    is_counted boolean NOT NULL,
    returned_at bigint,
    returned_by text NOT NULL DEFAULT '',
    release text NOT NULL DEFAULT '',
    cohort text NOT NULL DEFAULT '',
    counted_result text NOT NULL DEFAULT '',
    counted_own text NOT NULL DEFAULT '',
    counted_ms bigint NOT NULL DEFAULT 0,
    counted_until_s bigint NOT NULL DEFAULT -1,
    PRIMARY KEY (call_key)
);

-- only in PostgreSQL
ALTER TABLE ncco_results
    ALTER COLUMN party TYPE text COLLATE "C",
    ALTER COLUMN party_end TYPE text COLLATE "C";

CREATE INDEX ncco_results_by_time
    ON ncco_results (began_at);

CREATE INDEX ncco_results_by_result
    ON ncco_results (result, call_key);

CREATE INDEX ncco_results_by_flow
    ON ncco_results (flow, call_key);

CREATE INDEX ncco_results_by_party
    ON ncco_results (party, call_key);

CREATE INDEX ncco_results_by_party_end
    ON ncco_results (party_end, call_key);

CREATE INDEX ncco_results_by_line
    ON ncco_results (line, call_key);

CREATE INDEX ncco_results_by_own
    ON ncco_results (own, call_key)
    WHERE own <> '';

CREATE INDEX ncco_results_failed
    ON ncco_results (call_key)
    WHERE has_failed;

CREATE INDEX ncco_results_returned
    ON ncco_results (began_at)
    WHERE returned_at IS NOT NULL;

CREATE INDEX ncco_results_uncounted
    ON ncco_results (call_key)
    WHERE NOT is_counted;

CREATE TABLE ncco_sums (
    level bigint NOT NULL,
    quarter bigint NOT NULL,
    result text NOT NULL,
    flow text NOT NULL,
    line text NOT NULL,
    own text NOT NULL,
    until_s bigint NOT NULL,
    calls bigint NOT NULL,
    ms bigint NOT NULL,
    PRIMARY KEY (level, quarter, result, flow, line, own, until_s)
);

-- Leases of work that one process at a time does. `beat` grows with every change.

CREATE TABLE ncco_leases (
    name text NOT NULL,
    holder text NOT NULL,
    beat bigint NOT NULL,
    PRIMARY KEY (name)
);

-- What functions of handlers have returned in turns that are not stored yet (ncco_server/store/function_results.py).

CREATE TABLE ncco_function_results (
    session text NOT NULL,
    turn bigint NOT NULL,
    name text NOT NULL,
    result text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (session, turn, name)
);

-- The rows of the tables that flow files declare (ncco_server/store/table_rows.py).

CREATE TABLE ncco_rows (
    name text NOT NULL,
    columns text NOT NULL,
    version bigint NOT NULL,
    changed_at bigint NOT NULL,
    changed_by text NOT NULL,
    expires_at bigint,
    PRIMARY KEY (name)
);

-- only in PostgreSQL
ALTER TABLE ncco_rows
    ALTER COLUMN name TYPE text COLLATE "C";

CREATE INDEX ncco_rows_by_expiry
    ON ncco_rows (expires_at)
    WHERE expires_at IS NOT NULL;

-- version 0016
-- Random, of the row's last change, so that no version comes back when a row is removed and added again. '' in rows of
-- older hosts.

ALTER TABLE ncco_rows ADD COLUMN nonce text NOT NULL DEFAULT '';

-- version 0017
-- What people changed in the console. The ID begins with the time in hexadecimal digits, so the key sorts by time.
-- `details` and `undo` are JSON: what was before and after, and the request that takes the change back.

CREATE TABLE ncco_changes (
    id text NOT NULL,
    changed_at bigint NOT NULL,
    changed_by text NOT NULL,
    said text NOT NULL,
    address text NOT NULL,
    details text NOT NULL,
    undo text NOT NULL,
    expires_at bigint,
    PRIMARY KEY (id)
);

-- only in PostgreSQL
ALTER TABLE ncco_changes
    ALTER COLUMN id TYPE text COLLATE "C";

CREATE INDEX ncco_changes_by_expiry
    ON ncco_changes (expires_at)
    WHERE expires_at IS NOT NULL;
