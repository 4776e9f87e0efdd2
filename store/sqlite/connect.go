package sqlite

import (
	"context"
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

// mode is what a connection may do.
type mode bool

const (
	reading mode = false
	writing mode = true
)

// address is the connection string. There is no busy timeout: SQLite would sleep beyond the deadline of a call, so this
// package waits itself. What is deleted is overwritten with zeros, for an erased person shall not stay in free pages.
func address(path string, sync level, m mode) string {
	q := url.Values{
		"_busy_timeout": {"0"}, "_txlock": {"immediate"}, "_error_rc": {"1"},
		"_pragma": {
			"journal_mode(WAL)", "synchronous(" + sync.String() + ")", "secure_delete(ON)",
			"journal_size_limit(" + strconv.Itoa(64<<20) + ")", // the log shrinks to this after a burst, in bytes
		},
	}
	if sync == syncFull { // macOS needs more than fsync for the disk to be asked; elsewhere this means nothing
		q["_pragma"] = append(q["_pragma"], "fullfsync(ON)", "checkpoint_fullfsync(ON)")
	}
	if m == reading {
		q["_pragma"] = append(q["_pragma"], "query_only(ON)")
	}
	file := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return file.String()
}

// connector opens connections and lets none pass that would keep less than was asked for.
type connector struct {
	driver.Connector
	least level
}

// Connect opens one connection, has it leave the log in place, and reads back what it would keep.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.examine(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c connector) examine(ctx context.Context, conn driver.Conn) error {
	file, ok := conn.(driversqlite.FileControl)
	if !ok {
		return errors.New("this driver cannot leave the log in place")
	}
	if kept, err := file.FileControlPersistWAL("main", 1); err != nil || kept != 1 {
		return fmt.Errorf("the log would not be left in place: %d, %w", kept, err)
	}
	journal, err := pragma(ctx, conn, "journal_mode")
	if err != nil {
		return err
	}
	sync, err := pragma(ctx, conn, "synchronous")
	if err != nil {
		return err
	}
	return fit(journal, sync, c.least)
}

// fit compares what SQLite says with what it was asked for.
func fit(journal, sync string, least level) error {
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

// pragma reads one setting of a connection.
func pragma(ctx context.Context, conn driver.Conn, name string) (string, error) {
	asking, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", errors.New("this driver cannot be asked")
	}
	rows, err := asking.QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if len(row) != 1 {
		return "", fmt.Errorf("PRAGMA %s answers with %d columns", name, len(row))
	}
	return fmt.Sprint(row[0]), nil
}
