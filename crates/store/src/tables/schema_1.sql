-- An object sealed with the folder's master key, by which the key is known again.
CREATE TABLE master_key (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    "check" BLOB NOT NULL
) STRICT;

-- One row per function; its configuration is JSON without the environment variables, which are sealed.
CREATE TABLE functions (
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    revision      BLOB NOT NULL,
    configuration TEXT NOT NULL,
    environment   BLOB,
    PRIMARY KEY (account, region, name)
) STRICT;

-- The newest invokes, one row each, by the moment they were accepted.
CREATE TABLE usage_records (
    start_ms          INTEGER NOT NULL,
    request_id        BLOB NOT NULL,
    account           TEXT NOT NULL,
    region            TEXT NOT NULL,
    function          TEXT NOT NULL,
    version           TEXT NOT NULL,
    duration_us       INTEGER NOT NULL,
    billed_ms         INTEGER NOT NULL,
    init_us           INTEGER,
    memory_mb         INTEGER NOT NULL,
    ephemeral_mb      INTEGER NOT NULL,
    architecture      TEXT NOT NULL,
    memory_peak_bytes INTEGER NOT NULL,
    cpu_us            INTEGER NOT NULL,
    errors            INTEGER NOT NULL,
    outcome           TEXT NOT NULL,
    cold              INTEGER NOT NULL,
    x86_64_mb_ms      INTEGER NOT NULL,
    arm64_mb_ms       INTEGER NOT NULL,
    ephemeral_mb_ms   INTEGER NOT NULL,
    PRIMARY KEY (start_ms, request_id)
) STRICT, WITHOUT ROWID;

-- How many rows usage_records has, and from which start on none is missing.
CREATE TABLE usage_records_kept (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    records INTEGER NOT NULL,
    from_ms INTEGER NOT NULL
) STRICT;
INSERT INTO usage_records_kept VALUES (1, 0, -9223372036854775808);

-- Sums of all invokes that started in an hour (hours since 1970), for ever.
CREATE TABLE usage_hours (
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    hour            INTEGER NOT NULL,
    function        TEXT NOT NULL,
    requests        INTEGER NOT NULL,
    errors          INTEGER NOT NULL,
    cold            INTEGER NOT NULL,
    billed_ms       INTEGER NOT NULL,
    x86_64_mb_ms    INTEGER NOT NULL,
    arm64_mb_ms     INTEGER NOT NULL,
    ephemeral_mb_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, hour, function)
) STRICT, WITHOUT ROWID;

-- Up to which byte a journal segment is in the tables above; changes in the same transaction.
CREATE TABLE journal_positions (
    segment  TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
