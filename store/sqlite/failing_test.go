package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

var errStatement = errors.New("the statement failed")

// fault makes statements fail: from one of them on, until it is repaired.
type fault struct {
	from int // 0: none fails
	seen int
	err  error // of those that fail; nil: errStatement
}

func (f *fault) next(text string) error {
	if text == rollBackAll { // which SQLite would do by itself
		return nil
	}
	if f.seen++; f.from > 0 && f.seen >= f.from {
		return cmp.Or(f.err, errStatement)
	}
	return nil
}

// faulty is a connection with a fault.
type faulty struct {
	driver.Conn
	*fault
}

func (c faulty) Prepare(text string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	return faultyStatement{s.(statement), text, c.fault}, nil
}

type faultyStatement struct {
	statement
	text string
	*fault
}

func (s faultyStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.next(s.text); err != nil {
		return nil, err
	}
	return s.statement.ExecContext(ctx, args)
}

func (s faultyStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.next(s.text); err != nil {
		return nil, err
	}
	return s.statement.QueryContext(ctx, args)
}

// spoil puts a fault into the connections that write and read.
func spoil(s *Store) *fault {
	f := new(fault)
	for _, c := range s.conns[:len(s.conns)-1] {
		for text, compiled := range c.statements {
			c.statements[text] = faultyStatement{compiled, text, f}
		}
		c.Conn = faulty{c.Conn, f}
	}
	return f
}

// rows returns everything that is in a file, except for names: one that nothing has is no harm.
func rows(t *testing.T, path string) string {
	t.Helper()
	c, err := connect(t.Context(), path, syncOff, reading)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list := func(statement string, of func(row []driver.Value)) {
		t.Helper()
		if err := c.each(func(row []driver.Value) bool { of(row); return true }, statement); err != nil {
			t.Fatal(err)
		}
	}
	var tables []string
	list("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'names'", func(row []driver.Value) {
		tables = append(tables, text(row[0]))
	})
	var all strings.Builder
	for _, table := range tables {
		list("SELECT * FROM "+table, func(row []driver.Value) { fmt.Fprintln(&all, table, row) })
	}
	return all.String()
}

// TestACallOfWhichAStatementFailsSaysSoAndLeavesNothing has every call meet a file of which no statement succeeds from
// its first one on, from its second, and so on, as on a disk that breaks.
func TestACallOfWhichAStatementFailsSaysSoAndLeavesNothing(t *testing.T) {
	options := func() Options {
		return Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone, Sweep: time.Hour}
	}
	for name := range calls(t, open(t, options())) {
		o := options()
		s := open(t, o)
		call := calls(t, s)[name]
		f, before := spoil(s), rows(t, o.Path)
		for from := 1; ; from++ {
			*s.names = *newNames() // as a process that has just started
			f.from, f.seen = from, 0
			err := call()
			f.from = 0
			if f.seen < from {
				if err != nil || from == 1 {
					t.Errorf("%s: after %d statements, %v", name, f.seen, err)
				}
				break
			}
			if !errors.Is(err, errStatement) {
				t.Errorf("%s: without its statement %d it says %v", name, from, err)
			}
			if after := rows(t, o.Path); after != before {
				t.Fatalf("%s: without its statement %d there is\n%s\nwhere there was\n%s", name, from, after, before)
			}
		}
	}
}

// TestReadySaysWhatSQLiteSaysAndWhatToDo has a store meet errors that SQLite really has.
func TestReadySaysWhatSQLiteSaysAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	scratch := open(t, Options{Path: filepath.Join(dir, "scratch.db"), Durability: store.DurabilityNone})
	writing, reading := scratch.conns[0], scratch.conns[1]
	failing := func(c *conn, statement string) func() error {
		return func() error { _, err := c.exec(statement); return err }
	}
	for name, row := range map[string]struct {
		provoke   func() error
		says, fix string
	}{
		"a full disk": {func() error {
			_, err := writing.value("PRAGMA max_page_count = 1")
			if err == nil {
				_, err = writing.exec("INSERT INTO texts VALUES ('sum', zeroblob(1000000))")
			}
			return err
		}, "less full", "make room"},
		"a file that may not be written": {
			failing(reading, "UPDATE ready SET asked = 1"), "writable", "not mounted read-only",
		},
		"a folder that may not be entered": {
			failing(writing, "ATTACH '"+filepath.Join(dir, "none", "none.db")+"' AS other"), "writable", "its folder",
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := row.provoke()
			if said == nil {
				t.Fatal("SQLite did not mind")
			}
			s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone})
			f := spoil(s)
			f.from, f.err = 1, said
			var unsafe *store.UnsafeError
			if err := s.Ready(t.Context()); !errors.As(err, &unsafe) {
				t.Fatalf("ready gives %v", err)
			}
			if unsafe.Incomplete || unsafe.Words != said.Error() || unsafe.Want != row.says ||
				!strings.Contains(unsafe.Fix, row.fix) {
				t.Errorf("of %q it says %+v", said, unsafe)
			}
			f.from = 0
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("afterwards it gives %v", err)
			}
		})
	}
}
