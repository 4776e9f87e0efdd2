package sqlite

import (
	"context"
	"database/sql/driver"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/optin/optin/store"
)

// records is the port store.Records.
type records struct{ *database }

const (
	selectRecord = "SELECT n, version, state, created, expires, timer, data FROM records WHERE site = ? AND id = ?"

	// Row values are compared like words: by the first that differs. SQLite would not choose the index of the states.
	selectNewest = `SELECT n, version, state, created, expires, timer, data, id FROM records INDEXED BY records_newest
		WHERE site = ? AND created <= ? AND (created, id) < (?, ?) ORDER BY created DESC, id DESC`
	countState = `SELECT count(*) FROM
		(SELECT 1 FROM records INDEXED BY records_state WHERE site = ? AND state = ? LIMIT ?)`
	selectState = `SELECT n, version, state, created, expires, timer, data, id FROM records INDEXED BY records_state
		WHERE site = ? AND state = ? AND created <= ? AND (created, id) < (?, ?) ORDER BY created DESC, id DESC`

	addRecord = `INSERT INTO records (site, id, version, state, created, expires, timer, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, id) DO NOTHING`
	putRecord = `UPDATE records SET version = ?, state = ?, created = ?, expires = ?, timer = ?, wake = NULL, data = ?
		WHERE n = ?`
	// What is listed in the same place touches fewer indexes.
	putInPlace  = "UPDATE records SET version = ?, expires = ?, timer = ?, wake = NULL, data = ? WHERE n = ?"
	eraseRecord = "DELETE FROM records WHERE n = ?"

	// The same for a record as it was read, unless it has changed or expired since.
	replaceRecord = `UPDATE records
		SET version = ?, state = ?, created = ?, expires = ?, timer = ?, wake = NULL, data = ?
		WHERE site = ? AND id = ? AND version = ? AND (expires IS NULL OR expires > ?)`
	replaceInPlace = `UPDATE records SET version = ?, expires = ?, timer = ?, wake = NULL, data = ?
		WHERE site = ? AND id = ? AND version = ? AND (expires IS NULL OR expires > ?)`
)

// row is a record as it is kept.
type row struct {
	n              int64 // 0: there is none
	site           int64 // 0: nothing was ever kept of this site
	id             driver.Value
	state, created int64
	record         store.Record // empty except for its key if it has expired
}

// mostRounds is how often Update commits in vain because the record is not as f saw it.
const mostRounds = 3

// Update runs f in the caller's goroutine, and commits the change if the record is as f saw it. Only if others change
// the record again and again, f runs in the goroutine that writes, while nobody else can; so it has to be short. It
// does not run after Update has returned.
func (s records) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	// Suppose that there is no record: for a first signup this is so, and it need not be read.
	return s.UpdateFrom(ctx, store.Record{Key: key}, f)
}

// UpdateFrom is Update that supposes that the record is still as it was read.
func (s records) UpdateFrom(
	ctx context.Context, known store.Record, f func(store.Record) (store.Change, error),
) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	until := s.deadline() // of all steps together
	key, now := known.Key, known
	for supposed, rounds := true, 0; rounds < mostRounds; {
		c, err := prepare(key, now, f)
		switch {
		case supposed && (err != nil || c.Put == nil):
			if now, err = s.find(ctx, until, key); err != nil {
				return err
			}
			supposed = false
			continue
		case err != nil:
			return err
		case c.IsZero():
			return nil
		}
		other, err := s.commit(ctx, until, now, c)
		if err != nil || other == nil {
			return err
		}
		now, supposed = *other, false
		rounds++
	}
	return s.write(ctx, until, func(t *transaction) error { return t.update(key, f) })
}

// change is one that was checked, with what it takes: first of Acquire, then of each job.
type change struct {
	store.Change
	take []acquisition
}

// prepare runs f, and checks the change that it returns.
func prepare(key store.Key, r store.Record, f func(store.Record) (store.Change, error)) (change, error) {
	c, err := f(r)
	if err == nil {
		err = c.Check(key)
	}
	if err != nil {
		return change{}, err
	}
	return newChange(c), nil
}

func newChange(c store.Change) change {
	take := make([]acquisition, 1, 1+len(c.Enqueue))
	if c.Acquire != nil {
		take[0] = newAcquisition(c.Acquire.Taker, c.Acquire.Buckets)
	}
	for _, job := range c.Enqueue {
		take = append(take, newAcquisition(job.ID, job.Reserve))
	}
	return change{c, take}
}

// commit makes the change if the record is still as it was read; if not, it returns the record as it is.
func (s records) commit(ctx context.Context, until time.Time, was store.Record, c change) (*store.Record, error) {
	other, key := new(*store.Record), was.Key
	write := func() error {
		return s.write(ctx, until, func(t *transaction) error {
			*other = nil
			if c.Put != nil && !c.DropJobs {
				if done, err := t.putUnread(was, c); done || err != nil {
					return err
				}
			}
			r, err := t.find(key)
			if err != nil {
				return err
			}
			if r.record.Version != was.Version {
				*other = &r.record
				return nil
			}
			return t.apply(key, r, c)
		}, c.take...)
	}
	if c.EvenIfFull {
		write = s.spare.evenIfFull(write)
	}
	if err := write(); err != nil {
		return nil, err
	}
	if *other == nil && (c.Erase || c.DropJobs) {
		s.erased.Store(true)
	}
	return *other, nil
}

// putUnread carries out a change that puts a record, without reading it first, where that can be. It returns false if
// it did nothing.
func (t *transaction) putUnread(was store.Record, c change) (done bool, err error) {
	switch {
	case was.Exists() && c.Acquire == nil:
		return t.replace(was, c)
	case !was.Exists() && c.End == nil:
		return t.add(was.Key, c)
	}
	return false, nil
}

// replace carries out a change of a record that is still as it was read: it does nothing and returns false if not.
func (t *transaction) replace(was store.Record, c change) (replaced bool, err error) {
	site, err := t.names.number(was.Key.Site)
	if err != nil || site == 0 {
		return false, err
	}
	version, err := strconv.ParseUint(string(was.Version), 36, 64)
	if err != nil {
		return false, nil //nolint:nilerr // it is not one of ours
	}
	r := c.Put
	created, expires, timer := millis(r.Created), instant(r.Expires), instant(r.Timer)
	id, now, n := packedID(was.Key.ID), millis(t.now), int64(0)
	if was.State == r.State && millis(was.Created) == created {
		n, err = t.exec(replaceInPlace, newVersion(), expires, timer, r.Data, site, id, int64(version), now)
	} else {
		var state int64
		if state, err = t.number(r.State); err == nil {
			n, err = t.exec(replaceRecord, newVersion(), state, created, expires, timer, r.Data, site, id,
				int64(version), now)
		}
	}
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.endOf(c); err != nil {
		return false, err
	}
	return true, t.follow(was.Key, c)
}

// add carries out a change of a record that is not there, without looking first: it does nothing and returns false if
// there is one, or if a bucket has no room.
func (t *transaction) add(key store.Key, c change) (added bool, err error) {
	waits, err := t.buckets.acquire(c.take[0], t.now)
	if err != nil || waits != nil {
		return false, err
	}
	added, err = t.insert(key, packedID(key.ID), c.Put)
	switch {
	case err != nil:
		return false, err
	case !added:
		t.buckets.untake(0)
		return false, nil
	}
	return true, t.follow(key, c)
}

// update runs f on the record, and carries out the change, while nobody else can write.
func (t *transaction) update(key store.Key, f func(store.Record) (store.Change, error)) error {
	r, err := t.find(key)
	if err != nil {
		return err
	}
	var c change
	err = t.act.call(func() (err error) {
		if c, err = prepare(key, r.record, f); err != nil {
			return asItIs{err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.apply(key, r, c)
}

// find returns a record as the acts of this transaction have left it so far.
func (t *transaction) find(key store.Key) (row, error) {
	r := row{id: packedID(key.ID), record: store.Record{Key: key}}
	var err error
	if r.site, err = t.names.number(key.Site); err != nil || r.site == 0 {
		return r, err
	}
	columns, err := t.first(selectRecord, r.site, r.id)
	if err != nil || columns == nil {
		return r, err
	}
	r.n, r.state, r.created = integer(columns[0]), integer(columns[2]), integer(columns[3])
	if expired(columns, t.now) {
		return r, nil
	}
	state, err := t.names.name(r.state)
	r.record = recordOf(key, state, columns)
	return r, err
}

// expired reports whether the record of these columns is as if it had never been.
func expired(columns []driver.Value, now time.Time) bool {
	expires, is := columns[4].(int64)
	return is && expires <= millis(now)
}

// recordOf makes a record of the columns of selectRecord.
func recordOf(key store.Key, state string, columns []driver.Value) store.Record {
	return store.Record{
		Key: key, State: state,
		Version: store.Version(strconv.FormatUint(uint64(integer(columns[1])), 36)),
		Created: moment(columns[3]), Expires: moment(columns[4]), Timer: moment(columns[5]),
		Data: blob(columns[6]),
	}
}

// apply carries out a change that was checked.
func (t *transaction) apply(key store.Key, r row, c change) error {
	waits, err := t.buckets.acquire(c.take[0], t.now)
	if err != nil {
		return err
	}
	if waits != nil {
		return &store.Exceeded{Waits: waits}
	}
	if err := t.endOf(c); err != nil {
		return err
	}
	if c.DropJobs && r.site != 0 {
		keep, err := t.names.number(string(c.KeepQueue)) // 0, which no queue has, if there is none
		if err != nil {
			return err
		}
		if _, err := t.exec(dropJobs, r.site, r.id, keep); err != nil {
			return err
		}
	}
	if c.Erase && r.n != 0 {
		if _, err := t.exec(eraseRecord, r.n); err != nil {
			return err
		}
	}
	if c.Put != nil {
		if err := t.put(key, r, c.Put); err != nil {
			return err
		}
	}
	return t.follow(key, c)
}

// endOf ends the job that led to a change. Of a timer, the new state says what becomes of it.
func (t *transaction) endOf(c change) error {
	if c.End == nil || c.End.Job.Queue == store.TimerQueue {
		return nil
	}
	return t.end(c.End.Job, c.End.Outcome)
}

// follow enqueues and counts what a change makes necessary.
func (t *transaction) follow(key store.Key, c change) error {
	for i, job := range c.Enqueue {
		if err := t.enqueue(key, job, c.take[1+i]); err != nil {
			return err
		}
	}
	return countIn(t, key.Site, c.Count)
}

// newVersion returns 64 bits by chance, so none is used twice.
func newVersion() int64 { return int64(rand.Uint64()) }

// insert writes a record, unless there is one.
func (t *transaction) insert(key store.Key, id driver.Value, r *store.Record) (inserted bool, err error) {
	site, err := t.number(key.Site)
	if err != nil {
		return false, err
	}
	state, err := t.number(r.State)
	if err != nil {
		return false, err
	}
	n, err := t.exec(addRecord, site, id, newVersion(), state, millis(r.Created), instant(r.Expires), instant(r.Timer),
		r.Data)
	return n == 1, err
}

// put writes the new state of a record.
func (t *transaction) put(key store.Key, old row, r *store.Record) error {
	if old.n == 0 {
		_, err := t.insert(key, old.id, r)
		return err
	}
	state, err := t.number(r.State)
	if err != nil {
		return err
	}
	created, expires, timer := millis(r.Created), instant(r.Expires), instant(r.Timer)
	if old.state == state && old.created == created {
		_, err = t.exec(putInPlace, newVersion(), expires, timer, r.Data, old.n)
	} else {
		_, err = t.exec(putRecord, newVersion(), state, created, expires, timer, r.Data, old.n)
	}
	return err
}

// Find returns the record under key.
func (s records) Find(ctx context.Context, key store.Key) (store.Record, error) {
	r, err := s.find(ctx, s.deadline(), key)
	if err == nil && !r.Exists() {
		err = store.ErrNotFound
	}
	return r, err
}

// beginReading begins a transaction in which all is read as of one moment.
const beginReading = "BEGIN"

// FindAll reads the records one after the other, on one connection. Each read is a transaction of its own, before which
// SQLite forgets the pages that it has if anything was written meanwhile: so many are read in one.
func (s records) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) (all []store.Record, err error) {
		if len(keys) > 2 {
			if _, err := c.exec(beginReading); err != nil {
				return nil, err
			}
			defer func() {
				if _, ended := c.exec(rollBackAll); err == nil {
					err = ended
				}
			}()
		}
		all = make([]store.Record, len(keys))
		for i, key := range keys {
			if all[i], err = s.findOn(c, key); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// find returns the record under key, or one with only its key if there is none.
func (s records) find(ctx context.Context, until time.Time, key store.Key) (store.Record, error) {
	return read(ctx, until, s.database, func(c *conn) (store.Record, error) { return s.findOn(c, key) })
}

func (s records) findOn(c *conn, key store.Key) (store.Record, error) {
	none := store.Record{Key: key}
	site, err := s.names.number(c, key.Site)
	if err != nil || site == 0 {
		return none, err
	}
	columns, err := c.first(selectRecord, site, packedID(key.ID))
	if err != nil || columns == nil || expired(columns, s.o.Now()) {
		return none, err
	}
	state, err := s.names.name(c, integer(columns[2]))
	return recordOf(key, state, columns), err
}

// AddAll puts all records in one transaction.
func (s records) AddAll(ctx context.Context, all ...store.Record) (int, error) {
	if err := store.CheckAdded(all); err != nil {
		return 0, err
	}
	added := new(int) // which may still be written when the caller has left
	err := s.write(ctx, s.deadline(), func(t *transaction) error {
		*added = 0
		for i := range all {
			is, err := t.addOne(&all[i])
			if err != nil {
				return err
			}
			if is {
				*added++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return *added, nil
}

// addOne puts a record, unless there is one.
func (t *transaction) addOne(r *store.Record) (added bool, err error) {
	added, err = t.insert(r.Key, packedID(r.Key.ID), r)
	if added || err != nil {
		return added, err
	}
	there, err := t.find(r.Key)
	if err != nil || there.record.Exists() {
		return false, err
	}
	return true, t.put(r.Key, there, r) // in the place of one that has expired
}

// List returns one page of a site's records, newest first.
func (s records) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	return read(ctx, s.deadline(), s.database, func(c *conn) (store.Page, error) { return s.list(c, q) })
}

// InState counts by the index alone.
func (s records) InState(ctx context.Context, site, state string) (int, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) (int, error) {
		at, err := s.names.number(c, site)
		if err != nil || at == 0 {
			return 0, err
		}
		in, err := s.names.number(c, state)
		if err != nil || in == 0 {
			return 0, err
		}
		n, err := c.value(countState, at, in, int64(store.MaxCounted))
		return int(integer(n)), err
	})
}

func (s records) list(c *conn, q store.Query) (p store.Page, err error) {
	site, err := s.names.number(c, q.Site)
	if err != nil || site == 0 {
		return p, err
	}
	statement, args := selectNewest, []driver.Value{site}
	if q.State != "" {
		state, err := s.names.number(c, q.State)
		if err != nil || state == 0 {
			return p, err
		}
		statement, args = selectState, append(args, state)
	}
	before := int64(math.MaxInt64)
	if q.Before != (store.Cursor{}) {
		before = millis(q.Before.Created)
	}
	args = append(args, before, before, packedID(q.Before.ID))
	now := s.o.Now()
	// One more than asked for shows whether there is anything older.
	var states []int64
	read := c.each(func(columns []driver.Value) bool {
		if !expired(columns, now) {
			key := store.Key{Site: q.Site, ID: unpackedID(columns[7])}
			p.Records = append(p.Records, recordOf(key, "", columns))
			states = append(states, integer(columns[2]))
		}
		return len(p.Records) <= q.Limit
	}, statement, args...)
	if read != nil {
		return store.Page{}, read
	}
	for i := range p.Records {
		if p.Records[i].State, err = s.names.name(c, states[i]); err != nil {
			return store.Page{}, err
		}
	}
	if len(p.Records) > q.Limit {
		p.Records = p.Records[:q.Limit]
		last := p.Records[q.Limit-1]
		p.Next = store.Cursor{Created: last.Created, ID: last.Key.ID}
	}
	return p, nil
}
