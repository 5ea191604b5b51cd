-- version 0015
-- webhooks.call_key is NULL if the webhook belongs to no stored call, but session is still set.
-- probes is always empty: a row is written and deleted to check that there is disk space. A turn's heard, rang and
-- result are its facts (app/ncco_server/results.py); has_failed is true if something in it could not be played.
-- hooks.due_at is NULL while an earlier hook of the same session is waiting.

CREATE TABLE calls (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    leg          TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    flow         TEXT    NOT NULL,
    revision     TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    is_over      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    state        BLOB    NOT NULL
);

-- The id of nearly every call is its leg, so only the other calls need an index.
CREATE INDEX open_calls_by_other_leg ON calls (leg) WHERE is_over = 0 AND leg <> id;

-- This index is used to count open calls. It grows at its end, as the table does.
CREATE INDEX open_calls_by_beginning ON calls (created_at, is_over) WHERE is_over = 0;

CREATE TABLE webhooks (
    key          INTEGER PRIMARY KEY,
    call_key     INTEGER REFERENCES calls (key) ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    session      TEXT    NOT NULL,
    turn         INTEGER NOT NULL,
    wait         INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    leg          TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    body         BLOB    NOT NULL
);

CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL;

CREATE TABLE turns (
    key          INTEGER PRIMARY KEY,
    call_key     INTEGER NOT NULL REFERENCES calls (key) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    webhook      TEXT    NOT NULL,
    cause_turn   INTEGER NOT NULL,
    cause_wait   INTEGER NOT NULL,
    cause_status TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    ncco         BLOB    NOT NULL,
    trace        BLOB    NOT NULL,
    inputs       BLOB    NOT NULL,
    has_failed   INTEGER,
    heard        INTEGER,
    rang         TEXT,
    result       TEXT,
    UNIQUE (call_key, number)
);

CREATE TABLE revisions (
    hash         TEXT    PRIMARY KEY,
    flow         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    sources      BLOB    NOT NULL
);

CREATE TABLE probes (body BLOB NOT NULL);

CREATE TABLE hooks (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    session      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    url          TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    due_at       INTEGER,
    leased_until INTEGER NOT NULL DEFAULT 0,
    tries        INTEGER NOT NULL DEFAULT 0,
    problem      TEXT    NOT NULL DEFAULT '',
    is_parked    INTEGER NOT NULL DEFAULT 0,
    headers      BLOB    NOT NULL,
    body         BLOB    NOT NULL
);

CREATE INDEX waiting_hooks_by_session ON hooks (session, key) WHERE is_parked = 0;

CREATE INDEX due_hooks ON hooks (due_at) WHERE is_parked = 0 AND due_at IS NOT NULL;
