package sqlite

import (
	"database/sql/driver"
	"path/filepath"
	"strings"
	"testing"
)

func TestLargeTablesAreReadByAnIndex(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	for statement, want := range map[string]string{
		selectRecord:     "records_id (site=? AND id=?)",
		selectNewest:     "records_newest (site=? AND created<?)",
		selectState:      "records_state (site=? AND state=? AND created<?)",
		replaceRecord:    "records_id (site=? AND id=?)",
		replaceInPlace:   "records_id (site=? AND id=?)",
		dropRecords:      "records_next (next<?)",
		anyTimer:         "records_next (next<?)",
		dueTimers:        "records_next (next<?)",
		dueQueues:        "jobs_available (queue=? AND available<?)",
		oldestDue:        "jobs_available (queue=? AND available<?)",
		selectWaiting:    "jobs_available (queue=? AND available>?)",
		runUntil:         "jobs_available (queue=? AND available>? AND available<?)",
		countState:       "COVERING INDEX records_state (site=? AND state=?)",
		countJobs:        "COVERING INDEX jobs_available (queue=? AND available>?)",
		countFailed:      "INDEX jobs_failed (queue=?)",
		firstDue:         "jobs_available (queue=? AND available>?)",
		selectFailed:     "jobs_failed (queue=? AND failed>?)",
		selectBuckets[0]: "INTEGER PRIMARY KEY (rowid=?)",
		selectBuckets[6]: "INTEGER PRIMARY KEY (rowid=?)",
		dropBuckets:      "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
	} {
		args := make([]driver.Value, strings.Count(statement, "?"))
		for i := range args {
			args[i] = int64(i)
		}
		var plan []string
		_, err := read(t.Context(), s.deadline(), s.database, func(c *conn) (bool, error) {
			return true, c.each(func(row []driver.Value) bool {
				plan = append(plan, text(row[3]))
				return true
			}, "EXPLAIN QUERY PLAN "+statement, args...)
		})
		all := strings.Join(plan, "\n")
		if err != nil || !strings.Contains(all, want) || strings.Contains(all, "SCAN records") ||
			strings.Contains(all, "SCAN jobs") {
			t.Errorf("%s\nis done by\n%s\n%v, want %s", statement, all, err, want)
		}
	}
}
