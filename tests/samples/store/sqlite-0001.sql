-- A SQLite database of schema 0001 with calls in it, as `.dump` writes it.
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
INSERT INTO "calls" VALUES(1,'leg-1','leg-1','CON-leg-1','acme','c0ffee',2,0,1772625600000,1772625600001,X'7B2273746570223A226D656E75227D');
INSERT INTO "calls" VALUES(2,'leg-2/shop','leg-2','','shop','beef',1,1,1772625600002,1772625600002,X'7B2273746570223A22656E64227D');
INSERT INTO "calls" VALUES(3,'café 🂡','leg-3','CON-3','acme','c0ffee',1,0,1772625600003,1772625600003,X'7B7D');
CREATE TABLE ncco_schema (version_num VARCHAR(32) NOT NULL, CONSTRAINT ncco_schema_pkc PRIMARY KEY (version_num));
INSERT INTO "ncco_schema" VALUES('0001');
CREATE TABLE probes (
        body         BLOB    NOT NULL
    );
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
INSERT INTO "turns" VALUES(1,1,0,'w1',-1,-1,'',1772625600000,X'5B7B22616374696F6E223A2274616C6B222C2274657874223A226669727374227D5D',X'5B5D',X'7B7D');
INSERT INTO "turns" VALUES(2,1,1,'w2',0,0,'',1772625600001,X'5B7B22616374696F6E223A2274616C6B222C2274657874223A227365636F6E64227D5D',X'5B5D',X'7B7D');
INSERT INTO "turns" VALUES(3,2,0,'w3',-1,-1,'',1772625600002,X'5B5D',X'5B5D',X'7B7D');
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
INSERT INTO "webhooks" VALUES(1,1,'w1','answer','leg-1',-1,-1,'','leg-1','CON-leg-1','POST',1772625600000,X'7B7D');
INSERT INTO "webhooks" VALUES(2,1,'w2','input','leg-1',0,0,'','leg-1','CON-leg-1','POST',1772625600001,X'7B2264746D66223A7B7D7D');
INSERT INTO "webhooks" VALUES(3,2,'w3','answer','leg-2/shop',-1,-1,'','leg-2','','GET',1772625600002,X'746F3D31');
INSERT INTO "webhooks" VALUES(4,NULL,'w4','event','stranger',-1,-1,'ringing','stranger','','POST',1772625600003,X'7B7D');
INSERT INTO "webhooks" VALUES(5,1,'w5','event','leg-1',1,0,'busy','leg-1','','POST',1772625600004,X'7B7D');
CREATE INDEX open_calls_by_leg ON calls (leg) WHERE is_over = 0
    ;
CREATE INDEX webhooks_by_call ON webhooks (call_key, turn) WHERE call_key IS NOT NULL
    ;
COMMIT;
