package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	driversqlite "modernc.org/sqlite"

	"github.com/optin/optin/store"
)

// pool is a number of connections of one sort, with their statements prepared.
type pool struct {
	db         *sql.DB
	statements map[string]*sql.Stmt // by their text
}

// The statements of each pool.
var (
	durableStatements = []string{
		selectRecord, putRecord, eraseRecord, enqueueJob, completeJob, putBackJob, failJob, requeueJob, lastOfNext,
		runUntil, addCount, putText, askReady,
	}
	relaxedStatements = []string{
		oldestDue, leaseJob, renewLease, lastTaken, nthTaken, moveTaken, addTaken, ownTaken, dropTaken, selectCell,
		putCell, dropCells, dropRecords,
	}
	readStatements = []string{
		selectRecord, selectNewest, selectState, anyDue, selectFailed, findFailed, selectCell, selectCounts, selectText,
	}
)

// openPool opens the pool's first connection at once, waiting while another process has the file to itself.
func openPool(ctx context.Context, path string, sync level, m mode, size int, statements ...string) (*pool, error) {
	base, err := driversqlite.NewConnector(connectionString(path, sync, m))
	if err != nil {
		return nil, err
	}
	p := &pool{db: sql.OpenDB(connector{base, sync}), statements: map[string]*sql.Stmt{}}
	p.db.SetMaxOpenConns(size)
	p.db.SetMaxIdleConns(size)
	if err := whileLocked(ctx, func() error { return p.prepare(ctx, statements) }); err != nil {
		return nil, errors.Join(refuseDamage(err), p.db.Close())
	}
	return p, nil
}

// whileLocked calls f again and again while another process has the file to itself, as it has for a moment when it
// creates or recovers it.
func whileLocked(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || !isLocked(err) || pause(ctx, lockPoll) != nil {
			return err
		}
	}
}

// prepare opens a connection if there is none, and prepares the statements that are not yet.
func (p *pool) prepare(ctx context.Context, statements []string) error {
	if err := p.db.PingContext(ctx); err != nil {
		return err
	}
	for _, text := range statements {
		if p.statements[text] != nil {
			continue
		}
		s, err := p.db.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		p.statements[text] = s
	}
	return nil
}

// closePools closes those that were opened, with their statements.
func closePools(pools ...*pool) error {
	var errs []error
	for _, p := range pools {
		if p != nil {
			errs = append(errs, p.db.Close())
		}
	}
	return errors.Join(errs...)
}

// mode is what a connection may do.
type mode bool

const (
	reading mode = false
	writing mode = true
)

// connectionString has no busy timeout: SQLite would sleep beyond the deadline of a call, so this package waits itself.
// What is deleted is overwritten with zeros, because an erased person must not stay in free pages.
func connectionString(path string, sync level, m mode) string {
	q := url.Values{
		"_busy_timeout": {"0"}, "_txlock": {"immediate"}, "_error_rc": {"1"},
		"_pragma": {
			"journal_mode(WAL)", "synchronous(" + sync.String() + ")", "secure_delete(ON)",
			"journal_size_limit(" + strconv.Itoa(64<<20) + ")", // the log shrinks to this after a burst, in bytes
		},
	}
	if sync == syncFull { // macOS needs more than fsync to reach the disk; elsewhere this means nothing
		q["_pragma"] = append(q["_pragma"], "fullfsync(ON)", "checkpoint_fullfsync(ON)")
	}
	if m == reading {
		q["_pragma"] = append(q["_pragma"], "query_only(ON)")
	}
	file := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return file.String()
}

// connector opens connections, and refuses those that would keep less than was asked for.
type connector struct {
	driver.Connector
	least level
}

// Connect opens one connection, tells it to leave the log in place, and reads back what it would keep.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.check(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c connector) check(ctx context.Context, conn driver.Conn) error {
	file, ok := conn.(driversqlite.FileControl)
	if !ok {
		return errors.New("this driver cannot leave the log in place")
	}
	if persists, err := file.FileControlPersistWAL("main", 1); err != nil || persists != 1 {
		return fmt.Errorf("the log would not be left in place: %d, %w", persists, err)
	}
	journal, err := pragma(ctx, conn, "journal_mode")
	if err != nil {
		return err
	}
	sync, err := pragma(ctx, conn, "synchronous")
	if err != nil {
		return err
	}
	return checkSettings(journal, sync, c.least)
}

// checkSettings compares what SQLite says with what it was asked for.
func checkSettings(journal, sync string, least level) error {
	if !strings.EqualFold(journal, "wal") {
		return &store.UnsafeError{Setting: "journal_mode", Have: journal, Want: "wal",
			Fix: "put the file on a local disk that lets processes share memory, not on a network"}
	}
	if have, err := strconv.Atoi(sync); err != nil || level(have) < least {
		return &store.UnsafeError{Setting: "synchronous", Have: level(have).String(), Want: least.String(),
			Fix: "start optin again; if it stays so, ask for less with ?durability=everysec or none"}
	}
	return nil
}

// pragma returns one setting of a connection.
func pragma(ctx context.Context, conn driver.Conn, name string) (string, error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", errors.New("this driver cannot run a query")
	}
	rows, err := queryer.QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if len(row) != 1 {
		return "", fmt.Errorf("PRAGMA %s returned %d columns", name, len(row))
	}
	return fmt.Sprint(row[0]), nil
}
