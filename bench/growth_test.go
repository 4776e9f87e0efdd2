package bench

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
)

const fewRecords = 10_000

// measureGrowth compares what signups and lookups take with few and with many records, how long views of the dashboard
// take with many, and on SQLite how soon the program is ready with a large file that no cache has.
func measureGrowth(s *subject) {
	s.start(s)
	s.warm(s)
	s.fill(fewRecords)
	few := s.signupAndLookup()
	if s.redis != nil {
		many := size(s, "OPTIN_BENCH_MANY", 200_000)
		s.fill(many - fewRecords)
		s.compareGrowth(few, many)
		measureDashboard(s, many)
		return
	}
	s.stop(s)
	s.add("start to ready, empty and cold", "ms", milliseconds(s.coldStart()))
	for _, mb := range largeFiles(s) {
		s.fill((mb*1e6 - int(s.bytes())) / bytesOfFilled)
		for range rounds {
			s.stop(s)
			s.add(fmt.Sprintf("start to ready, %d MB and cold", mb), "ms", milliseconds(s.coldStart())).atMost(150)
		}
		s.readFile()
		s.compareGrowth(few, mb*1e6/bytesOfFilled)
		measureDashboard(s, mb*1e6/bytesOfFilled)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// largeFiles returns the sizes of the SQLite file, in MB, growing.
func largeFiles(s *subject) (mb []int) {
	words := os.Getenv("OPTIN_BENCH_LARGE")
	if words == "" {
		words = "600"
	}
	for word := range strings.SplitSeq(words, ",") {
		n, err := strconv.Atoi(word)
		must(s, err)
		mb = append(mb, n)
	}
	return mb
}

// grown is what a signup and a lookup take, in µs of the processors.
type grown struct{ signup, lookup float64 }

func (s *subject) signupAndLookup() grown {
	const n = 2000
	release := s.relay.hold(s)
	defer release()
	people := s.people
	signup := measure(s, func() load { return s.signUp(s, 16, n) }, s.processes()...)
	lookup := measure(s, func() load {
		return s.send(s, 16, 2*n, http.StatusOK, func(i int) []byte { return lookupOf(lookupPath, people+i%n) }, nil)
	}, s.processes()...)
	return grown{signup.cpu, lookup.cpu}
}

func (s *subject) compareGrowth(few grown, many int) {
	now := s.signupAndLookup()
	with := fmt.Sprintf(" with %d records, processor time", many)
	of := fmt.Sprintf("with %d", fewRecords)
	s.against("signup"+with, "µs", now.signup, of, few.signup)
	s.against("lookup"+with, "µs", now.lookup, of, few.lookup)
}

// coldStart starts the program on a file of which the kernel has no page in memory.
func (s *subject) coldStart() time.Duration {
	s.Helper()
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	f, err := os.Open(s.file())
	must(s, err)
	defer f.Close()
	must(s, f.Sync())
	if _, _, e := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); e != 0 {
		s.Fatal(e)
	}
	return s.start(s)
}

// readFile has the kernel read the file into memory, so that the program's own reading of it, after the start, takes
// only processor time, and quiet waits for its end.
func (s *subject) readFile() {
	s.Helper()
	f, err := os.Open(s.file())
	must(s, err)
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	must(s, err)
}

// bytesOfFilled is what a filled record takes in an SQLite file, its indexes counted.
const bytesOfFilled = 620

// fill adds n records of a pending person's size. Nobody can open them.
func (s *subject) fill(n int) {
	s.Helper()
	if s.redis == nil {
		s.fillFile(n)
		return
	}
	st, err := redis.Open(s.Context(), redis.Options{Budget: 30 * time.Second, Location: store.Location{
		Scheme: "redis", Hosts: []string{s.redis.addr}, Durability: store.Durability(s.redis.fsync),
	}})
	must(s, err)
	defer st.Close()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for next.Add(1) <= int64(n) {
				err := st.Update(s.Context(), filledKey(),
					func(store.Record) (store.Change, error) { return store.Change{Put: filled()}, nil })
				if err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func filledKey() store.Key {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return store.Key{Site: "gazette", ID: base64.RawURLEncoding.EncodeToString(id)}
}

func filled() *store.Record {
	data := make([]byte, pendingBytes)
	_, _ = rand.Read(data)
	now := time.Now()
	return &store.Record{State: "pending", Created: now, Data: data, Timer: now.Add(48 * time.Hour),
		Expires: now.Add(30 * 24 * time.Hour)}
}

// fillFile stops the program, fills its file in one transaction, because commits would take minutes, and starts it
// again. It fails if the schema changes.
func (s *subject) fillFile(n int) {
	s.Helper()
	s.stop(s)
	db := openFile(s, s.file())
	_, err := db.ExecContext(s.Context(), `
		WITH RECURSIVE i (n) AS (SELECT max(n) + 1 FROM records UNION ALL SELECT n + 1 FROM i LIMIT ?)
		INSERT INTO records (site, state, id, version, created, timer, expires, data)
		SELECT site, state, cast(printf('%016d', i.n) AS BLOB), i.n, created - 86400000 + i.n, ?2 + i.n, ?2 + i.n,
			randomblob(?3)
		FROM i, (SELECT site, state, created FROM records LIMIT 1)`,
		n, time.Now().Add(30*24*time.Hour).UnixMilli(), pendingBytes)
	must(s, err)
	_, err = db.ExecContext(s.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	must(s, err)
	must(s, db.Close())
	must(s, os.WriteFile(s.file()+"-wal", nil, 0o600)) // the last connection deletes it, and its absence is refused
	s.start(s)
}
