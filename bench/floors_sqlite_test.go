package bench

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver of store/sqlite
)

// sqliteFloor inserts n rows of a record's size, so many in each transaction, with the settings of store/sqlite.
func sqliteFloor(ctx context.Context, args url.Values) (func() error, error) {
	dir, err := os.MkdirTemp("", "floor-")
	if err != nil {
		return nil, err
	}
	q := url.Values{"_txlock": {"immediate"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)"}}
	file := url.URL{Scheme: "file", Path: filepath.Join(dir, "floor.db"), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (id INTEGER PRIMARY KEY, data BLOB)"); err != nil {
		return nil, err
	}
	n, group := number(args, "n"), number(args, "group")
	return func() error {
		defer os.RemoveAll(dir)
		defer db.Close()
		for i := 0; i < n; i += group {
			if err := insert(ctx, db, group); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// insert inserts n rows in one transaction.
func insert(ctx context.Context, db *sql.DB, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	s, err := tx.PrepareContext(ctx, "INSERT INTO bare (data) VALUES (?)")
	if err != nil {
		return err
	}
	for range n {
		if _, err := s.ExecContext(ctx, make([]byte, recordBytes+jobBytes)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
