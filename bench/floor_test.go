package bench

import (
	"database/sql"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	_ "modernc.org/sqlite" // the driver of store/sqlite
)

// floor writes bytes and returns when they are durable: the least that any durable change can cost.
type floor func(data []byte) error

// openDriver opens a file without store/sqlite, but with its settings: WAL, synchronous FULL, one writer at a time.
func openDriver(b *testing.B, path string) *sql.DB {
	b.Helper()
	q := url.Values{"_txlock": {"immediate"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	must(b, err)
	db.SetMaxOpenConns(1)
	return db
}

// bareSQLite returns a floor of one INSERT in its own transaction.
func bareSQLite(b *testing.B) floor {
	b.Helper()
	db := openDriver(b, newFile(b))
	b.Cleanup(func() { _ = db.Close() })
	_, err := db.ExecContext(b.Context(), "CREATE TABLE bare (id INTEGER PRIMARY KEY, data BLOB)")
	must(b, err)
	insert, err := db.PrepareContext(b.Context(), "INSERT INTO bare (data) VALUES (?)")
	must(b, err)
	return func(data []byte) error {
		_, err := insert.ExecContext(b.Context(), data)
		return err
	}
}

// bareRedis returns a floor of one SET of a new key on the store's server, with appendfsync always.
func bareRedis(b *testing.B, r *redisChild) floor {
	var n atomic.Int64
	return func(data []byte) error {
		return r.client.Set(b.Context(), fmt.Sprintf("bare:%d", n.Add(1)), data, 0).Err()
	}
}
