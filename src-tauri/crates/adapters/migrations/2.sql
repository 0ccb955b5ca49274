-- Every event carries the hash that chains it to the one before it in its run (journal_sqlite/chain.rs). The hashes of
-- the events that are there were put into `chains` just before, in the same transaction.
CREATE TABLE chained_events (
    run         TEXT    NOT NULL,
    seq         INTEGER NOT NULL CHECK (seq >= 1),
    at          TEXT    NOT NULL,
    actor       TEXT    NOT NULL CHECK (json_valid(actor)),
    app_version TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    body        TEXT    NOT NULL CHECK (json_valid(body)),
    chain       BLOB    NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (run, seq)
) STRICT;

-- An event without its hash would be NULL here, and nothing at all would be changed.
INSERT INTO chained_events (run, seq, at, actor, app_version, kind, body, chain)
SELECT run, seq, at, actor, app_version, kind, body, chain
FROM events LEFT JOIN chains USING (run, seq)
ORDER BY events.rowid;

DROP TABLE chains;
-- Its triggers go with it.
DROP TABLE events;
ALTER TABLE chained_events RENAME TO events;

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
