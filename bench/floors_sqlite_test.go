package bench

import (
	"context"
	"database/sql/driver"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	driversqlite "modernc.org/sqlite" // the driver of store/sqlite
)

// sqliteFloor writes what n signups write to SQLite, unchecked and appended without any index, so many signups in each
// transaction, with the settings of store/sqlite. With bare=1 it is one row for each, of the record's and the job's
// size.
func sqliteFloor(ctx context.Context, args url.Values) (func() error, error) {
	dir, err := os.MkdirTemp("", "floor-")
	if err != nil {
		return nil, err
	}
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)"}}
	file := url.URL{Scheme: "file", Path: filepath.Join(dir, "floor.db"), RawQuery: q.Encode()}
	w, err := newSQLiteWriter(ctx, file.String())
	if err != nil {
		return nil, err
	}
	write, n, group := w.sameRows, number(args, "n"), number(args, "group")
	if args.Get("bare") != "" {
		write = w.bareRows
	}
	return func() error {
		defer os.RemoveAll(dir)
		defer w.Close()
		for first := 0; first < n; first += group {
			w.exec(w.begin)
			write(first, min(n, first+group))
			w.exec(w.end)
		}
		return errors.Join(w.errs...)
	}, nil
}

// sqliteWriter is one connection with its prepared statements, as near to the driver as store/sqlite is.
type sqliteWriter struct {
	driver.Conn
	ctx                                         context.Context
	begin, end, row, record, job, bucket, count driver.StmtExecContext
	errs                                        []error
}

func newSQLiteWriter(ctx context.Context, name string) (*sqliteWriter, error) {
	c, err := (&driversqlite.Driver{}).Open(name)
	if err != nil {
		return nil, err
	}
	w := &sqliteWriter{Conn: c, ctx: ctx}
	for _, table := range []string{
		"CREATE TABLE rows (n INTEGER PRIMARY KEY, data BLOB)",
		"CREATE TABLE records (n INTEGER PRIMARY KEY, id BLOB, created INTEGER, timer INTEGER, data BLOB)",
		"CREATE TABLE jobs (n INTEGER PRIMARY KEY, id TEXT, due INTEGER, data BLOB)",
		"CREATE TABLE buckets (n INTEGER PRIMARY KEY, expires INTEGER, data BLOB)",
		"CREATE TABLE counts (n INTEGER PRIMARY KEY, data BLOB)",
	} {
		w.exec(w.prepare(table))
	}
	w.begin, w.end = w.prepare("BEGIN IMMEDIATE"), w.prepare("COMMIT")
	w.row = w.prepare("INSERT INTO rows (data) VALUES (?)")
	w.record = w.prepare("INSERT INTO records (id, created, timer, data) VALUES (?, ?, ?, ?)")
	w.job = w.prepare("INSERT INTO jobs (id, due, data) VALUES (?, ?, ?)")
	w.bucket = w.prepare("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?)")
	w.count = w.prepare("INSERT OR REPLACE INTO counts VALUES (1, ?)")
	return w, errors.Join(w.errs...)
}

func (w *sqliteWriter) prepare(text string) driver.StmtExecContext {
	s, err := w.Prepare(text)
	if err != nil {
		w.errs = append(w.errs, err)
		return nil
	}
	return s.(driver.StmtExecContext)
}

func (w *sqliteWriter) exec(s driver.StmtExecContext, args ...driver.Value) {
	if len(w.errs) > 0 {
		return
	}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	if _, err := s.ExecContext(w.ctx, named); err != nil {
		w.errs = append(w.errs, err)
	}
}

func (w *sqliteWriter) bareRows(first, last int) {
	for range last - first {
		w.exec(w.row, make([]byte, recordBytes+jobBytes))
	}
}

// sameRows writes for each signup the record, the job, and the buckets of its mailbox, IP and network; and once in a
// transaction those of the site, the service and the surge, and the counts.
func (w *sqliteWriter) sameRows(first, last int) {
	for i := int64(first); i < int64(last); i++ {
		w.exec(w.record, make([]byte, 16), i, i, make([]byte, recordBytes))
		w.exec(w.job, "a job has an id of its own", i, make([]byte, jobBytes))
		for of := range int64(3) {
			w.exec(w.bucket, (3*i+of)*0x5851f42d4c957f2d, i, make([]byte, logBytes)) // as scattered as hashes are
		}
	}
	for of := range int64(3) {
		w.exec(w.bucket, of, int64(last), make([]byte, slicesBytes))
	}
	w.exec(w.count, make([]byte, countsBytes))
}
