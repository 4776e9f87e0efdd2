package sqlite

import (
	"database/sql/driver"
	"time"
)

// transaction is what acts do their work with, one after the other.
type transaction struct {
	*conn
	clock func() time.Time

	savepoints bool // each act has one
	names      namesWithin
	buckets    buckets
	sums       sums

	// Of the act.
	act   *act
	now   time.Time
	saved bool // it has its savepoint, because it may have written
	wrote bool
}

func newTransaction(c *conn, n *names, clock func() time.Time) *transaction {
	return &transaction{
		conn: c, names: namesWithin{conn: c, shared: n}, clock: clock,
		buckets: buckets{conn: c, all: map[int64]*bucket{}}, sums: sums{conn: c, known: map[counterKey]*counter{}},
	}
}

// reset prepares a transaction for its next use.
func (t *transaction) reset(savepoints bool) {
	t.savepoints, t.names.added = savepoints, false
	clear(t.buckets.all)
	t.sums.reset()
}

// next begins an act.
func (t *transaction) next(a *act) {
	t.act, t.now, t.saved, t.wrote = a, t.clock(), false, false
	t.buckets.took, t.sums.act = t.buckets.took[:0], t.sums.act[:0]
}

// saveAct makes the savepoint of an act.
const saveAct = "SAVEPOINT act"

// save makes the savepoint of the act, if it is to have one, before its first statement that writes.
func (t *transaction) save() error {
	if !t.savepoints || t.saved {
		return nil
	}
	_, err := t.conn.exec(saveAct)
	t.saved = err == nil
	return err
}

// exec runs a statement that writes, and returns how many rows it changed.
func (t *transaction) exec(text string, args ...driver.Value) (int64, error) {
	if err := t.save(); err != nil {
		return 0, err
	}
	changed, err := t.conn.exec(text, args...)
	t.wrote = t.wrote || changed > 0 || err != nil
	return changed, err
}
