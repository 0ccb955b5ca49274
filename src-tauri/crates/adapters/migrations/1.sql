-- The journal of every run, which only grows, and the settings of this computer, which may change.
CREATE TABLE events (
    run         TEXT    NOT NULL,
    seq         INTEGER NOT NULL CHECK (seq >= 1),
    at          TEXT    NOT NULL,
    actor       TEXT    NOT NULL CHECK (json_valid(actor)),
    app_version TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    body        TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (run, seq)
) STRICT;

CREATE TRIGGER events_have_no_gap BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events WHERE run = NEW.run)
BEGIN
    SELECT RAISE(ABORT, 'an event must follow the newest one of its run');
END;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event is never changed');
END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event is never removed');
END;

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    at    TEXT NOT NULL,
    "by"  TEXT NOT NULL
) STRICT;
