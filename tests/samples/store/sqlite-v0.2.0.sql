-- A database that version 0.2.0 has made: a call that failed, one that ended, a hook, a recording, a backup.
BEGIN TRANSACTION;
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
INSERT INTO "calls" VALUES(1,'leg-1','leg-1','CON-leg-1','acme','c0ffee',2,0,1772625600000,1772625600001,X'73746174652031');
INSERT INTO "calls" VALUES(2,'leg-2','leg-2','CON-leg-2','acme','c0ffee',2,1,1772625600000,1772625600000,X'7B2273746570223A20226D656E75227D');
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
INSERT INTO "hooks" VALUES(1,'h1','leg-1','voicemail_saved','https://crm.example.com/voicemails',1772625600000,1772625600000,0,0,'',0,X'7B22582D5465616D223A202273616C6573227D',X'7B2274797065223A2022766F6963656D61696C5F7361766564227D');
CREATE TABLE ncco_backups (made_at bigint NOT NULL, bytes bigint NOT NULL);
INSERT INTO "ncco_backups" VALUES(1772625600000,4096);
CREATE TABLE ncco_console_sessions (
        hash       text   NOT NULL PRIMARY KEY,
        credential text   NOT NULL,
        created_at bigint NOT NULL,
        used_at    bigint NOT NULL
    );
INSERT INTO "ncco_console_sessions" VALUES('0000000000000000000000000000000000000000000000000000000000000000','password',1772625600000,1772625600000);
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
INSERT INTO "ncco_recordings" VALUES('r1','uuid-r1','record',1772625600000,'leg-1','','acme','voicemail','','','447700900123','442071838750','https://api-eu-3.vonage.com/v1/files/1',NULL,NULL,NULL,'','','waiting','','',1772625600000,0,'',0,0,'','',NULL,'',NULL,'',NULL,'','');
CREATE TABLE ncco_retention (days bigint NOT NULL);
INSERT INTO "ncco_retention" VALUES(90);
CREATE TABLE ncco_schema (version_num text NOT NULL);
INSERT INTO "ncco_schema" VALUES('0004');
CREATE TABLE probes (body BLOB NOT NULL);
CREATE TABLE revisions (
    hash         TEXT    PRIMARY KEY,
    flow         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    sources      BLOB    NOT NULL
);
INSERT INTO "revisions" VALUES('c0ffee','acme',1772625600000,X'7B22666C6F77732F61636D652E79616D6C223A22666C6F773A2061636D65227D');
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
    UNIQUE (call_key, number)
);
INSERT INTO "turns" VALUES(1,1,0,'webhook leg-1 0',-1,-1,'',1772625600000,X'6E63636F206C65672D312030',X'5B22656E7465726564206D656E75225D',X'7B226E6F77223A20317D');
INSERT INTO "turns" VALUES(2,1,1,'webhook leg-1 1',0,0,'',1772625600001,X'6E63636F206C65672D312031',X'5B7B22646964223A226661696C6564222C2273746570223A226D656E75222C2277686174223A2245393939222C227768657265223A22666C6F77732F61636D652E79616D6C3A37227D5D',X'7B226E6F77223A20317D');
INSERT INTO "turns" VALUES(3,2,0,'webhook leg-2 0',-1,-1,'',1772625600000,X'6E63636F206C65672D322030',X'5B22656E7465726564206D656E75225D',X'7B226E6F77223A20317D');
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
INSERT INTO "webhooks" VALUES(1,1,'webhook leg-1 -1 -1 ','event','leg-1',-1,-1,'','leg-1','CON-leg-1','POST',1772625600000,X'7B22737461747573223A202272696E67696E67227D');
INSERT INTO "webhooks" VALUES(2,1,'webhook leg-1 0 0 ','event','leg-1',0,0,'','leg-1','CON-leg-1','POST',1772625600000,X'7B22737461747573223A202272696E67696E67227D');
INSERT INTO "webhooks" VALUES(3,2,'webhook leg-2 -1 -1 ','event','leg-2',-1,-1,'','leg-2','CON-leg-2','POST',1772625600000,X'7B22737461747573223A202272696E67696E67227D');
INSERT INTO "webhooks" VALUES(4,2,'webhook leg-2 -1 -1 completed','event','leg-2',-1,-1,'completed','leg-2','CON-leg-2','POST',1772625600000,X'7B22737461747573223A202272696E67696E67227D');
INSERT INTO "webhooks" VALUES(5,1,'webhook leg-1 1 0 ','record','leg-1',1,0,'','leg-1','CON-leg-1','POST',1772625600000,X'7B22737461747573223A202272696E67696E67227D');
CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL;
CREATE INDEX waiting_hooks_by_session ON hooks (session, key) WHERE is_parked = 0;
CREATE INDEX due_hooks ON hooks (due_at) WHERE is_parked = 0 AND due_at IS NOT NULL;
CREATE INDEX open_calls_by_other_leg ON calls (leg) WHERE is_over = 0 AND leg <> id;
CREATE INDEX open_calls_by_beginning ON calls (created_at, is_over) WHERE is_over = 0;
CREATE INDEX ncco_recordings_by_time ON ncco_recordings (created_at, id, from_number, to_number);
CREATE INDEX ncco_recordings_by_call ON ncco_recordings (session);
CREATE INDEX ncco_recordings_due ON ncco_recordings (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ncco_recordings_deleted ON ncco_recordings (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ncco_recordings_removable ON ncco_recordings (id) WHERE state = 'deleted' AND has_file = 1;
CREATE INDEX ncco_recordings_new ON ncco_recordings (created_at) WHERE kind = 'record' AND heard_at IS NULL AND done_at IS NULL AND deleted_at IS NULL AND state <> 'deleted';
CREATE INDEX ncco_recordings_failed ON ncco_recordings (created_at) WHERE deleted_at IS NULL AND (state IN ('failed', 'gone') OR transcript_state IN ('failed', 'gone'));
COMMIT;
