package sqlite

import (
	"database/sql/driver"
	"time"

	"github.com/optin/optin/store"
)

// The timer of a record is a column of its row. As long as it is leased, or when it is to be tried again later, wake
// says when it is due instead. The column next is the earlier of that and of expires, so one index finds both the
// timers that are due and the records that have expired.
const (
	anyTimer = `SELECT 1 FROM records INDEXED BY records_next
		WHERE next <= ? AND coalesce(wake, timer) <= ? AND (expires IS NULL OR expires > ?) LIMIT 1`
	dueTimers = `SELECT n, site, id, timer FROM records INDEXED BY records_next
		WHERE next <= ? AND coalesce(wake, timer) <= ? AND (expires IS NULL OR expires > ?) ORDER BY next`
	leaseTimer = "UPDATE records SET wake = ? WHERE n = ?"

	// What Put has said since is left alone: then wake is NULL.
	wakeTimer = "UPDATE records SET wake = ? WHERE site = ? AND id = ? AND wake IS NOT NULL"
	dropTimer = "UPDATE records SET timer = NULL, wake = NULL WHERE site = ? AND id = ? AND wake IS NOT NULL"
)

// leaseTimers leases up to n timers that are due.
func (t *transaction) leaseTimers(n int, d time.Duration) ([]store.Job, error) {
	var jobs []store.Job
	var rows, sites []int64
	now := millis(t.now)
	err := t.each(func(row []driver.Value) bool {
		rows, sites = append(rows, integer(row[0])), append(sites, integer(row[1]))
		id := unpackedID(row[2])
		jobs = append(jobs, store.Job{
			ID: id, Queue: store.TimerQueue, Key: store.Key{ID: id}, Due: moment(row[3]), Attempts: 1,
		})
		return len(jobs) < n
	}, dueTimers, now, now, now)
	if err != nil {
		return nil, err
	}
	return jobs, t.leaseRows(leaseTimer, jobs, sites, rows, d)
}

// endTimer carries out an outcome that was checked, if the timer is leased.
func (t *transaction) endTimer(key store.Key, outcome store.Outcome) error {
	switch outcome.End {
	case store.EndRetry:
		at := outcome.At
		if at.IsZero() {
			at = t.now
		}
		return t.wakeTimer(key, millis(at))
	case store.EndFail:
		site, err := t.names.number(key.Site)
		if err != nil {
			return err
		}
		_, err = t.exec(dropTimer, site, packedID(key.ID))
		return err
	}
	return nil
}

// wakeTimer makes a leased timer due then.
func (t *transaction) wakeTimer(key store.Key, at int64) error {
	site, err := t.names.number(key.Site)
	if err != nil {
		return err
	}
	_, err = t.exec(wakeTimer, at, site, packedID(key.ID))
	return err
}
