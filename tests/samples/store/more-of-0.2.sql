-- What a database of 0.2 may hold beside the calls of tests/system/databases: a failed turn, a session of the console,
-- a backup. SQLite and PostgreSQL both take it.
UPDATE turns SET trace = '[{"did":"failed","step":"menu"}]' WHERE call_key = 6 AND number = 1;
INSERT INTO ncco_backups VALUES (1772625600000, 4096);
CREATE TABLE ncco_console_sessions (
    hash text NOT NULL PRIMARY KEY, credential text NOT NULL, created_at bigint NOT NULL, used_at bigint NOT NULL
);
INSERT INTO ncco_console_sessions VALUES ('0000', 'password', 1772625600000, 1772625600000);
