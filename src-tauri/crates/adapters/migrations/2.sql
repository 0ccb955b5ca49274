-- Every event has a hash that depends on the event before it in its run (journal_sqlite/chain.rs).
-- The table `chains` has the hashes of the existing events. The same transaction filled it before.
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

-- A missing hash would be NULL here. NOT NULL then fails, and the transaction changes nothing.
INSERT INTO chained_events (run, seq, at, actor, app_version, kind, body, chain)
SELECT run, seq, at, actor, app_version, kind, body, chain
FROM events LEFT JOIN chains USING (run, seq)
ORDER BY events.rowid;

DROP TABLE chains;
-- Also drops the triggers of the table.
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
