package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestLargeTablesAreReadByAnIndex(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	for text, want := range map[string]string{
		ownTaken:    "takes_taker (bucket=? AND taker=?)",
		lastTaken:   "PRIMARY KEY (bucket=?)",
		nthTaken:    "PRIMARY KEY (bucket=? AND seq=?)",
		farWaiting:  "entries_hidden (kind=? AND hidden>?)",
		hastenUntil: "entries_hidden (kind=? AND hidden>? AND hidden<?)",
	} {
		rows, err := s.reader.db.Query("EXPLAIN QUERY PLAN "+text, 1, 2, 3, 4, 5, 6)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		rows.Close()
		if !strings.Contains(strings.Join(plan, "\n"), want) {
			t.Errorf("%s\nis done by\n%s\nwant %s", text, strings.Join(plan, "\n"), want)
		}
	}
}
