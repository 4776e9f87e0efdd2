package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// application marks the file as one of optin ("opti"), version its schema.
const (
	application = 0x6f707469
	version     = 1
)

// tables is how many tables the schema has.
const tables = 7

// schema is version 1 of the schema. Times are in milliseconds since 1970, those of taken in nanoseconds, failed in
// microseconds.
const schema = `
CREATE TABLE records (
	site    TEXT NOT NULL,
	id      TEXT NOT NULL,
	version TEXT NOT NULL,
	state   TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER,                       -- NULL: never
	data    BLOB,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX records_newest  ON records (site, created, id);
CREATE INDEX records_state   ON records (site, state, created, id);
CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;

CREATE TABLE jobs (
	seq       INTEGER PRIMARY KEY,         -- the order in which they were enqueued
	id        TEXT NOT NULL UNIQUE,
	queue     TEXT NOT NULL,
	site      TEXT NOT NULL,
	record    TEXT NOT NULL,
	body      BLOB,
	due       INTEGER NOT NULL,            -- as it was enqueued, or last put back
	available INTEGER,                     -- from when it may be leased: due, or its lease ends; NULL: it failed
	attempts  INTEGER NOT NULL DEFAULT 0,
	leased    INTEGER NOT NULL DEFAULT 0,  -- 1 from a lease until it ends
	failed    INTEGER NOT NULL DEFAULT 0   -- when it failed, no two of a queue at the same time; 0: it did not
) STRICT;
CREATE INDEX jobs_available ON jobs (queue, available, seq) WHERE available IS NOT NULL;
CREATE INDEX jobs_failed    ON jobs (queue, failed, seq) WHERE available IS NULL;

CREATE TABLE taken (
	bucket  TEXT NOT NULL,
	seq     INTEGER NOT NULL,              -- 1 more than what was taken before; never older than that
	at      INTEGER NOT NULL,
	expires INTEGER NOT NULL,              -- from when it counts for no limit
	taker   TEXT,                          -- NULL: one without a name
	PRIMARY KEY (bucket, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_expires ON taken (expires);
CREATE INDEX taken_taker   ON taken (bucket, taker) WHERE taker IS NOT NULL;

CREATE TABLE cells (
	name    TEXT PRIMARY KEY,
	value   BLOB,
	expires INTEGER NOT NULL
) STRICT;
CREATE INDEX cells_expires ON cells (expires);

CREATE TABLE counts (
	site TEXT NOT NULL,
	day  TEXT NOT NULL,                    -- UTC, as 2006-01-02
	name TEXT NOT NULL,
	n    INTEGER NOT NULL,
	PRIMARY KEY (site, day, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE texts (sum TEXT PRIMARY KEY, text BLOB) STRICT;

CREATE TABLE ready (one INTEGER PRIMARY KEY, asked INTEGER NOT NULL) STRICT;  -- written to see whether writing works
INSERT INTO ready VALUES (1, 0);
`

// createSchema fills a new, empty file.
func createSchema(ctx context.Context, path string, sync level) (err error) {
	p, err := openPool(ctx, path, sync, writing, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.db.Close()) }()
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit this does nothing
	for _, text := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", application), schema,
		fmt.Sprintf("PRAGMA user_version = %d", version),
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// checkSchema refuses a file that is another program's or of another schema, or that is damaged.
func checkSchema(ctx context.Context, db *sql.DB) error {
	ask := func(text string, answer any) error {
		err := db.QueryRowContext(ctx, text).Scan(answer)
		return refuseDamage(err)
	}
	var app, have, known int
	if err := ask("PRAGMA application_id", &app); err != nil {
		return err
	}
	if err := ask("PRAGMA user_version", &have); err != nil {
		return err
	}
	switch {
	case app != application:
		return refuse("it is a database of another program: name another file")
	case have > version:
		return refuse("its schema is version %d, and this optin reads only version %d: start the newer optin that "+
			"wrote it, or put back the copy made before the update", have, version)
	case have < version:
		return refuse("its schema is version %d, which no optin ever wrote (this one reads version %d): put a copy "+
			"back, or name another file to start anew", have, version)
	}
	if err := ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "+
		"('records', 'jobs', 'taken', 'cells', 'counts', 'texts', 'ready')", &known); err != nil {
		return err
	}
	if known != tables {
		return refuse("its tables are not those of schema version %d, as those of an optin before its first release: "+
			"put a copy back, or name another file to start anew", version)
	}
	var found string
	if err := ask("PRAGMA quick_check(1)", &found); err != nil {
		return err
	}
	if found != "ok" {
		return refuse(
			"the database is damaged (%s): put a copy back, or save what can be read with: sqlite3 FILE .recover",
			found,
		)
	}
	return nil
}

// refuseDamage makes a refusal of an error that says that the file is damaged.
func refuseDamage(err error) error {
	if isDamage(err) {
		return refuse(
			"the database is damaged: put a copy back, or save what can be read with: sqlite3 FILE .recover: %w",
			err,
		)
	}
	return err
}
