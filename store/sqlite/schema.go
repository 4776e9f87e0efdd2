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
	version     = 3
)

// schemaOne is version 1 of the schema, and what every file begins with; it never changes, for files made by it are about.
// Times are in milliseconds since 1970, those of takes in nanoseconds.
const schemaOne = `
CREATE TABLE records (
	site    TEXT NOT NULL,
	id      TEXT NOT NULL,
	version TEXT NOT NULL,
	state   TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER,                     -- NULL: never
	data    BLOB,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX records_newest  ON records (site, created, id);
CREATE INDEX records_state   ON records (site, state, created, id);
CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;

CREATE TABLE entries (
	seq    INTEGER PRIMARY KEY,          -- the order of arrival
	id     TEXT NOT NULL UNIQUE,
	kind   TEXT NOT NULL,
	site   TEXT NOT NULL,
	record TEXT NOT NULL,
	body   BLOB,
	due    INTEGER NOT NULL,             -- as it was owed, or given back
	hidden INTEGER,                      -- until when nobody may lease it; NULL: dead
	tries  INTEGER NOT NULL DEFAULT 0,
	leased INTEGER NOT NULL DEFAULT 0    -- 1 from a lease until it is settled
) STRICT;
CREATE INDEX entries_hidden ON entries (kind, hidden, seq) WHERE hidden IS NOT NULL;

CREATE TABLE takes (
	bucket TEXT NOT NULL,
	seq    INTEGER NOT NULL,             -- 1 more than the take before; never older than that
	at     INTEGER NOT NULL,
	gone   INTEGER NOT NULL,             -- from when it counts for no limit
	taker  TEXT,                         -- who takes once; NULL: anybody
	PRIMARY KEY (bucket, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX takes_gone ON takes (gone);

CREATE TABLE texts (sum TEXT PRIMARY KEY, text BLOB) STRICT;

CREATE TABLE ready (one INTEGER PRIMARY KEY, asked INTEGER NOT NULL) STRICT;  -- written to see whether writing works
INSERT INTO ready VALUES (1, 0);
`

// toTwo makes version 2 of version 1.
const toTwo = `
CREATE TABLE counts (
	site TEXT NOT NULL,
	day  TEXT NOT NULL,                  -- UTC, as 2006-01-02
	name TEXT NOT NULL,
	n    INTEGER NOT NULL,
	PRIMARY KEY (site, day, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE cells (
	name  TEXT PRIMARY KEY,
	value BLOB,
	until INTEGER NOT NULL               -- from then on it is not kept
) STRICT;
CREATE INDEX cells_until ON cells (until);

-- When it died, in microseconds; never the same as another of its kind. 0: it did not, or under version 1.
ALTER TABLE entries ADD COLUMN died INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entries_parked ON entries (kind, died, seq) WHERE hidden IS NULL;
`

// toThree makes version 3 of version 2.
const toThree = `
CREATE TABLE gaps (
	bucket TEXT NOT NULL,
	block  INTEGER NOT NULL,             -- of the numbers of takes
	n      INTEGER NOT NULL,             -- how many at its end are not in use, as if the next block's first followed
	PRIMARY KEY (bucket, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX takes_taker ON takes (bucket, taker) WHERE taker IS NOT NULL;
`

// steps make of each version the next one; the first makes it of nothing.
func steps() [version]string { return [...]string{schemaOne, toTwo, toThree} }

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
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", application)); err != nil {
		return err
	}
	if err := climb(ctx, tx, 0); err != nil {
		return err
	}
	return tx.Commit()
}

// checkWhole refuses a file that is damaged, another's, or newer than this program.
func checkWhole(ctx context.Context, db *sql.DB) error {
	var app, have int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return damaged(err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return damaged(err)
	}
	switch {
	case app != application:
		return refuse("it is a database of another program: name another file")
	case have > version:
		return refuse("its schema is version %d, and this optin knows only up to %d: start the newer optin that wrote it, "+
			"or put back the copy made before the update", have, version)
	case have < 1:
		return refuse("its schema is version %d, which no optin ever wrote: put a copy back", have)
	}
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return damaged(err)
	}
	if found != "ok" {
		return refuse("the database is damaged (%s): put a copy back, or save what can be read with: sqlite3 FILE .recover", found)
	}
	return nil
}

// damaged tells damage from other reasons why a file could not be read.
func damaged(err error) error {
	if isDamage(err) {
		return refuse("the database is damaged: put a copy back, or save what can be read with: sqlite3 FILE .recover: %w", err)
	}
	return err
}
