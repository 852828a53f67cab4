-- Published versions, one row each: the function as it was, as in its own row.
CREATE TABLE versions (
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    function      TEXT NOT NULL,
    number        INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    environment   BLOB,
    PRIMARY KEY (account, region, function, number)
) STRICT;

-- The last number that versions of a name had. Outlives them, and the function: no number comes twice.
CREATE TABLE version_numbers (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    function TEXT NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (account, region, function)
) STRICT, WITHOUT ROWID;
