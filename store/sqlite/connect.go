package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/url"
	"strconv"
	"strings"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/optin/optin/store"
)

// conn is one connection with its prepared statements. One goroutine uses it at a time. It talks to the driver without
// package database/sql, whose pool and conversions cost more than most statements here.
//
// No statement has a bound LIMIT, or a parameter with a number or a name: SQLite would compile the first again each
// time it is bound (https://www.sqlite.org/c3ref/prepare.html, on SQLITE_ENABLE_STAT4), and the driver searches for the
// others.
type conn struct {
	driver.Conn
	statements map[string]statement // by their text
	args       []driver.NamedValue  // of the statement that runs
}

// statement is what the driver's statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connect opens a connection, tells it to leave the log in place, and refuses it if it would keep less than was asked
// for. It waits while another process has the file to itself.
func connect(ctx context.Context, path string, sync level, m mode) (*conn, error) {
	base, err := driversqlite.NewConnector(connectionString(path, sync, m))
	if err != nil {
		return nil, err
	}
	var c *conn
	err = whileLocked(ctx, func() error {
		c, err = connector{base, sync, m}.connect(ctx)
		return err
	})
	return c, refuseDamage(err)
}

// mode is what a connection may do.
type mode int

const (
	reading mode = iota
	writing
	looking // reading a file that must not change in any way, even into WAL mode
)

// readerCache is how many KiB of pages a connection that reads keeps, half of what SQLite does by itself. Each page
// takes twice its size, because this SQLite's allocator gives powers of two and a page has a header.
const readerCache = 1000

// connectionString has no busy timeout: SQLite would sleep beyond the deadline of a call, so this package waits itself.
// What is deleted is overwritten with zeros, because an erased person must not stay in free pages.
func connectionString(path string, sync level, m mode) string {
	q := url.Values{
		"_busy_timeout": {"0"}, "_error_rc": {"1"},
		"_pragma": {
			"journal_mode(WAL)", "synchronous(" + sync.String() + ")", "secure_delete(ON)",
			"wal_autocheckpoint(4000)",                         // pages of the log: 16 MiB, soon read after a crash
			"journal_size_limit(" + strconv.Itoa(64<<20) + ")", // the log shrinks to this after a burst, in bytes
		},
	}
	if sync == syncFull { // macOS needs more than fsync to reach the disk; elsewhere this means nothing
		q["_pragma"] = append(q["_pragma"], "fullfsync(ON)", "checkpoint_fullfsync(ON)")
	}
	switch m {
	case reading:
		q["_pragma"] = append(q["_pragma"], "query_only(ON)", "cache_size(-"+strconv.Itoa(readerCache)+")")
	case looking:
		q["mode"], q["_pragma"] = []string{"ro"}, []string{"query_only(ON)"}
	}
	file := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return file.String()
}

// connector opens connections, and refuses those that would keep less than was asked for.
type connector struct {
	driver.Connector
	least level
	mode  mode
}

func (c connector) connect(ctx context.Context) (*conn, error) {
	base, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	opened := &conn{Conn: base, statements: map[string]statement{}}
	if err := c.check(opened); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

func (c connector) check(opened *conn) error {
	file, ok := opened.Conn.(driversqlite.FileControl)
	if !ok {
		return errors.New("this driver cannot leave the log in place")
	}
	if persists, err := file.FileControlPersistWAL("main", 1); err != nil || persists != 1 {
		return fmt.Errorf("the log would not be left in place: %d, %w", persists, err)
	}
	if c.mode == looking {
		return nil
	}
	return opened.checkSettings(c.least)
}

const (
	askJournal     = "PRAGMA journal_mode"
	askSynchronous = "PRAGMA synchronous"
)

// checkSettings asks SQLite what this connection keeps, and compares that with what it was asked for.
func (c *conn) checkSettings(least level) error {
	journal, err := c.value(askJournal)
	if err != nil {
		return err
	}
	if name := fmt.Sprint(journal); !strings.EqualFold(name, "wal") {
		return &store.UnsafeError{Setting: "journal_mode", Have: name, Want: "wal",
			Fix: "put the file on a local disk that lets processes share memory, not on a network"}
	}
	sync, err := c.value(askSynchronous)
	if err != nil {
		return err
	}
	if have, is := sync.(int64); !is || level(have) < least {
		return &store.UnsafeError{Setting: "synchronous", Have: level(have).String(), Want: least.String(),
			Fix: "start optin again; if it stays so, ask for less with ?durability=everysec or none"}
	}
	return nil
}

// prepared returns a statement, which is compiled when it is first used.
func (c *conn) prepared(text string) (statement, error) {
	if s := c.statements[text]; s != nil {
		return s, nil
	}
	s, err := c.Prepare(text)
	if err != nil {
		return nil, err
	}
	full, ok := s.(statement)
	if !ok {
		return nil, errors.Join(errors.New("this driver's statements take no context"), s.Close())
	}
	c.statements[text] = full
	return full, nil
}

// several is one statement for 1, 2, 4 and more rows: few texts, so that each is compiled once.
type several []string

// newSeveral returns statements for at most so many rows, a power of two.
func newSeveral(before, row, after string, most int) (s several) {
	for n := 1; n <= most; n *= 2 {
		s = append(s, before+row+strings.Repeat(", "+row, n-1)+after)
	}
	return s
}

// filledBy returns the largest statement that n rows fill, and its number of rows.
func (s several) filledBy(n int) (statement string, rows int) {
	i := min(bits.Len(uint(n))-1, len(s)-1)
	return s[i], 1 << i
}

// holding returns the smallest statement that n rows fit into, or the largest there is, and its number of rows.
func (s several) holding(n int) (statement string, rows int) {
	i := min(bits.Len(uint(n-1)), len(s)-1)
	return s[i], 1 << i
}

// bind returns the arguments as the driver takes them, until the next call.
func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, arg := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return c.args
}

// exec runs a statement and returns how many rows it changed. The arguments are int64, string, []byte or nil.
func (c *conn) exec(text string, args ...driver.Value) (int64, error) {
	s, err := c.prepared(text)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), c.bind(args)) // statements are short and are not interrupted
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// each calls f with every row that a statement returns, as long as f returns true. The row is valid until f returns,
// its values for longer. While a statement is being read, it cannot run again.
func (c *conn) each(f func(row []driver.Value) bool, text string, args ...driver.Value) (err error) {
	s, err := c.prepared(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		// Closing repeats the error of the statement.
		if closed := rows.Close(); err == nil {
			err = closed
		}
	}()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !f(row):
			return nil
		}
	}
}

// first returns the first row that a statement returns, nil if there is none.
func (c *conn) first(text string, args ...driver.Value) (row []driver.Value, err error) {
	err = c.each(func(found []driver.Value) bool {
		row = found
		return false
	}, text, args...)
	return row, err
}

// value returns the first column of the first row that a statement returns, nil if there is none.
func (c *conn) value(text string, args ...driver.Value) (driver.Value, error) {
	row, err := c.first(text, args...)
	if row == nil {
		return nil, err
	}
	return row[0], err
}

// Close closes the statements and the connection.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}

// integer, text and blob return the value of a column, zero if it is NULL.
func integer(v driver.Value) int64 { n, _ := v.(int64); return n }
func text(v driver.Value) string   { s, _ := v.(string); return s }
func blob(v driver.Value) []byte   { b, _ := v.([]byte); return b }

// moment is the time in a column, zero if it is NULL. instant is its reverse.
func moment(v driver.Value) time.Time {
	ms, is := v.(int64)
	if !is {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func instant(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return millis(t)
}
