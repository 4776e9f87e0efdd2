package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	driversqlite "modernc.org/sqlite"
)

// pool is a number of connections of one sort, with their statements prepared.
type pool struct {
	db         *sql.DB
	statements map[string]*sql.Stmt // by their text
}

// openPool opens the pool's first connection at once, waiting while another process has the file to itself.
func openPool(ctx context.Context, path string, sync level, m mode, size int, statements ...string) (*pool, error) {
	base, err := driversqlite.NewConnector(address(path, sync, m))
	if err != nil {
		return nil, err
	}
	p := &pool{db: sql.OpenDB(connector{base, sync}), statements: map[string]*sql.Stmt{}}
	p.db.SetMaxOpenConns(size)
	p.db.SetMaxIdleConns(size)
	if err := whenFree(ctx, func() error { return p.prepare(ctx, statements) }); err != nil {
		return nil, errors.Join(damaged(err), p.db.Close())
	}
	return p, nil
}

// whenFree asks again and again while another process has the file to itself, as it has for a moment when it makes, recovers or upgrades it.
func whenFree(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil || !isLocked(err) || pause(ctx, time.Millisecond) != nil {
			return err
		}
	}
}

// prepare opens a connection if there is none, and prepares what is missing.
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

func (s *Store) closePools() error {
	var errs []error
	for _, p := range []*pool{s.reader, s.soft, s.hard} {
		if p != nil {
			errs = append(errs, p.db.Close()) // with its statements
		}
	}
	return errors.Join(errs...)
}
