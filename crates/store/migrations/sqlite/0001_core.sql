-- What every service keeps beside its documents. Times are epoch microseconds. Append-only: later changes get a later file.

CREATE TABLE journal (
    stream    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    body      TEXT    NOT NULL,
    prev_hash TEXT    NOT NULL,
    hash      TEXT    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT;

-- Where each stream ends: shows a tail that was cut off.
CREATE TABLE journal_head (
    stream TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    hash   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Outbox and timers. AUTOINCREMENT: an id is never used twice, so it can fence and name a request to another service.
CREATE TABLE effects (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    trace      TEXT    NOT NULL DEFAULT '',
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'parked', 'finished')),
    -- When somebody may claim it: not_before, or the end of the lease that runs.
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    worker     TEXT    NOT NULL DEFAULT '',
    -- Empty without a lease.
    token      TEXT    NOT NULL DEFAULT '',
    error      TEXT    NOT NULL DEFAULT '',
    -- When it was finished or parked, else 0.
    settled_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX effects_live ON effects (topic, key) WHERE state <> 'finished';
CREATE INDEX effects_due ON effects (topic, due_at, id) WHERE state = 'waiting';
CREATE INDEX effects_parked ON effects (id) WHERE state = 'parked';
CREATE INDEX effects_finished ON effects (settled_at) WHERE state = 'finished';

CREATE TABLE requests (
    principal    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    payload_hash TEXT    NOT NULL,
    response_ref TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    PRIMARY KEY (principal, subject, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_time ON requests (time);

CREATE TABLE feed (
    position INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    case_key TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    body     TEXT    NOT NULL
) STRICT;

-- One row: the last position given, and the last one that retention removed.
CREATE TABLE feed_head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    floor    INTEGER NOT NULL
) STRICT;
INSERT INTO feed_head (id, position, floor) VALUES (1, 0, 0);

-- Last revisions of deleted documents, so that a revision never names two contents.
CREATE TABLE tombstones (
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_time ON tombstones (time);
