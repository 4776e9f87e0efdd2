package bench

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

func manyEndpoints() string {
	var b strings.Builder
	for site := range 100 {
		fmt.Fprintf(&b, `  - id: site%d
    name: Site %d
    url: https://site%d.example
    from: Site <bonjour@site%d.example>
    controller: {name: Site, address: "1 rue des Exemples, 75000 Paris", contact: privee@site.example, privacy_url: https://site.example/vie-privee, country: FR}
    locales: [fr]
    origins: [https://site%d.example]
    api_keys: [gazette-api-key-of-the-benchmark%d]
    purposes: [{id: letter, text: {fr: Recevoir la lettre}}]
    webhooks:
`, site, site, site, site, site, site)
		for e := range 10 {
			fmt.Fprintf(&b, "      - {url: https://site%d.example/hook%d, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\n", site, e)
		}
	}
	return b.String()
}

func (s *subject) idle() {
	time.Sleep(3 * time.Second)
	sent := s.redis.monitor(s, func() { time.Sleep(10 * time.Second) })
	s.add("idle calls, 1000 endpoints", "/s", float64(len(sent))/10).atMost(20)
}

// cold measures the start on a large file.
func (s *subject) cold(bytes int) {
	s.quiet(s)
	s.stop(s)
	db := s.open()
	tx, err := db.BeginTx(s.Context(), nil)
	must(s, err)
	began := time.Now()
	fillRecords(s, tx, bytes)
	must(s, tx.Commit())
	_, err = db.ExecContext(s.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	must(s, err)
	must(s, db.Close())
	must(s, os.WriteFile(s.file()+"-wal", nil, 0o600))
	info, _ := os.Stat(s.file())
	s.Logf("%d MB in %s", info.Size()/1e6, time.Since(began))
	for range 3 {
		f, err := os.Open(s.file())
		must(s, err)
		must(s, f.Sync())
		_, _, e := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, 4, 0, 0)
		if e != 0 {
			s.Fatal(e)
		}
		f.Close()
		s.add(fmt.Sprintf("start to ready, cold, %d MB", bytes/1e6), "ms", float64(s.start(s).Microseconds())/1000).atMost(150)
		s.stop(s)
	}
}

func fillRecords(s *subject, tx *sql.Tx, bytes int) {
	stmt := `WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n < ?)
		INSERT INTO records (site, id, version, state, created, expires, timer, data)
		SELECT (SELECT site FROM records LIMIT 1), randomblob(16), n, (SELECT state FROM records LIMIT 1), 1796022209000+n, 2796022209000+n, 2796022209000+n, randomblob(440) FROM i`
	_, err := tx.ExecContext(s.Context(), stmt, bytes/620)
	must(s, err)
}
