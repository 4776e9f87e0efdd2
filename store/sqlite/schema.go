package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// application marks the file as one of optin ("opti"), version its schema.
const (
	application = 0x6f707469
	version     = 1
)

// objects is how many tables and indexes the schema has.
const objects = 16

// schema is version 1 of the schema. Times are in milliseconds since 1970, failed in microseconds. Sites, states and
// queues are numbers of names. An id or record is the bytes of packedID. Rows are added at the end of their table, so
// its pages are full; what is found by a hash has an index of its own.
const schema = `
CREATE TABLE names (
	n    INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE              -- of a site, a state or a queue
) STRICT;

CREATE TABLE records (
	n       INTEGER PRIMARY KEY,
	site    INTEGER NOT NULL,
	id      ANY NOT NULL,
	version INTEGER NOT NULL,
	state   INTEGER NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER,                       -- NULL: never
	timer   INTEGER,                       -- NULL: it has none
	wake    INTEGER,                       -- when the timer is due instead: see timers.go
	data    BLOB,
	next    INTEGER AS (min(coalesce(wake, timer, expires), coalesce(expires, wake, timer))) VIRTUAL
) STRICT;
CREATE UNIQUE INDEX records_id ON records (site, id);
CREATE INDEX records_newest    ON records (site, created);
CREATE INDEX records_state     ON records (site, state, created);
CREATE INDEX records_next      ON records (next) WHERE next IS NOT NULL;

CREATE TABLE jobs (
	seq       INTEGER PRIMARY KEY,         -- the order in which they were enqueued
	id        TEXT NOT NULL UNIQUE,
	queue     INTEGER NOT NULL,
	site      INTEGER NOT NULL,
	record    ANY NOT NULL,
	body      BLOB,
	due       INTEGER NOT NULL,            -- as it was enqueued, or last put back
	available INTEGER,                     -- from when it may be leased: due, or its lease ends; NULL: it failed
	attempts  INTEGER NOT NULL DEFAULT 0,
	leased    INTEGER NOT NULL DEFAULT 0,  -- 1 from a lease until it ends
	failed    INTEGER NOT NULL DEFAULT 0,  -- when it failed, no two of a queue at the same time; 0: it did not
	reserved  INTEGER NOT NULL             -- 1: it took what it reserves
) STRICT;
CREATE INDEX jobs_available ON jobs (queue, available, seq) WHERE available IS NOT NULL;
CREATE INDEX jobs_failed    ON jobs (queue, failed, seq) WHERE available IS NULL;

CREATE TABLE buckets (
	n       INTEGER PRIMARY KEY,           -- a hash of the name: see bucketKey
	expires INTEGER NOT NULL,
	state   BLOB                           -- see bucket.go
) STRICT;

CREATE TABLE cells (
	name    TEXT PRIMARY KEY,
	value   BLOB,
	expires INTEGER NOT NULL
) STRICT;
CREATE INDEX cells_expires ON cells (expires);

CREATE TABLE counters (
	site   INTEGER NOT NULL,
	period INTEGER NOT NULL,               -- store.CountPeriod
	at     INTEGER NOT NULL,               -- when the period begins, in seconds since 1970
	name   TEXT NOT NULL,                  -- and, behind slashes, its dimension and value
	n      INTEGER NOT NULL,
	PRIMARY KEY (site, period, at, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE texts (sum TEXT PRIMARY KEY, text BLOB) STRICT;

CREATE TABLE mark (one INTEGER PRIMARY KEY, mark BLOB) STRICT;      -- which store this is

CREATE TABLE ready (one INTEGER PRIMARY KEY, asked INTEGER NOT NULL) STRICT;  -- written to see whether writing works
`

// createSchema fills a new, empty file, which begins now.
func createSchema(ctx context.Context, path string, sync level, now time.Time) (err error) {
	c, err := connect(ctx, path, sync, writing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	_, err = c.exec(fmt.Sprintf("BEGIN; PRAGMA application_id = %d; %s INSERT INTO ready VALUES (1, %d); "+
		"PRAGMA user_version = %d; COMMIT", application, schema, millis(now), version))
	return err
}

const (
	askApplication = "PRAGMA application_id"
	askVersion     = "PRAGMA user_version"
	// A trigger may do anything with what is written.
	countObjects = `SELECT sum(name IN ('names', 'records', 'jobs', 'buckets', 'cells', 'counters', 'texts', 'mark',
		'ready', 'records_id', 'records_newest', 'records_state', 'records_next', 'jobs_available', 'jobs_failed',
		'cells_expires')) - sum(type = 'trigger') FROM sqlite_schema`
)

// errSchema says that a table or an index is missing, or that there is a trigger.
var errSchema = fmt.Errorf("its tables are not those of schema version %d, as those of an optin before its first "+
	"release: put a copy back, or name another file to start anew", version)

// checkSchema refuses a file that is another program's or of another schema. It reads the beginning of the file only.
func (c *conn) checkSchema() error {
	var have [3]int64
	for i, ask := range []string{askApplication, askVersion, countObjects} {
		v, err := c.value(ask)
		if err != nil {
			return refuseDamage(err)
		}
		have[i] = integer(v)
	}
	switch app, is, known := have[0], have[1], have[2]; {
	case app != application:
		return refuse("it is a database of another program: name another file")
	case is > version:
		return refuse("its schema is version %d, and this optin reads only version %d: start the newer optin that "+
			"wrote it, or put back the copy made before the update", is, version)
	case is < version:
		return refuse("its schema is version %d, which no optin ever wrote (this one reads version %d): put a copy "+
			"back, or name another file to start anew", is, version)
	case known != objects:
		return fmt.Errorf("%w: %w", errRefused, errSchema)
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
