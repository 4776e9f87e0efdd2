package redis

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// packed is a store, and what its indexes and timers must hold.
type packed struct {
	*testing.T
	s      *Store
	c      *goredis.Client
	random *rand.Rand
	kept   map[store.Key]store.Record
	leased map[store.Key]bool // their timers are
}

// moment is of a few, so that many entries begin alike, or about now, as most are, and often as others at that time.
func (p *packed) moment() time.Time {
	some := []int64{-5, 0, 1, 255, 256, 1795219200000, 64060588800000}
	if within := []int{0, 20, 2000}[p.random.IntN(3)]; within > 0 {
		return time.Now().Add(time.Duration(p.random.IntN(within)) * time.Millisecond).Truncate(time.Millisecond).UTC()
	}
	return fromMilli(some[p.random.IntN(len(some))])
}

// record returns one of any state and times.
func (p *packed) record() store.Record {
	r := store.Record{State: []string{"pending", "confirmed"}[p.random.IntN(2)], Created: p.moment()}
	if p.random.IntN(4) > 0 {
		r.Timer = p.moment()
	}
	return r
}

// add adds records together, of which some are there.
func (p *packed) add() {
	var all []store.Record
	added := 0
	for range 1 + p.random.IntN(80) {
		r := p.record()
		r.Key = p.key()
		if slices.ContainsFunc(all, func(other store.Record) bool { return other.Key == r.Key }) {
			continue
		}
		all = append(all, r)
		if _, is := p.kept[r.Key]; !is {
			p.kept[r.Key] = r
			added++
		}
	}
	if n, err := p.s.AddAll(p.Context(), all...); err != nil || n != added {
		p.Fatalf("%d are added, %v; want %d", n, err, added)
	}
}

// key returns one of a few hundred.
func (p *packed) key() store.Key {
	k := key(p.random.IntN(200))
	k.Site = []string{"gazette", "g"}[p.random.IntN(2)]
	return k
}

func (p *packed) erase(k store.Key) {
	if err := p.s.Update(p.Context(), k, erasing); err != nil {
		p.Fatal(err)
	}
	delete(p.kept, k)
	delete(p.leased, k)
}

// act puts, moves or erases a record, or leases timers.
func (p *packed) act(k store.Key) {
	switch n := p.random.IntN(20); {
	case n < 5:
		p.erase(k)
	case n == 5:
		jobs, err := p.s.Lease(p.Context(), store.TimerQueue, 1+p.random.IntN(9), time.Hour)
		if err != nil {
			p.Fatal(err)
		}
		for _, j := range jobs {
			if is := p.kept[j.Key]; is.Timer.IsZero() || !is.Timer.Equal(j.Due) || p.leased[j.Key] {
				p.Errorf("leased %+v, of %+v", j, is)
			}
			p.leased[j.Key] = true
		}
		return
	default:
		r := p.record()
		if old, ok := p.kept[k]; ok && p.random.IntN(2) == 0 {
			r.Created = old.Created
		}
		put(p.T, p.s, k, &r)
		p.kept[k] = r
	}
	delete(p.leased, k)
}

// listed compares a listing with what it must have.
func (p *packed) listed(site, state string) {
	var want, got []string
	for k, r := range p.kept {
		if k.Site == site && (state == "" || r.State == state) {
			want = append(want, string(appendMoment(nil, r.Created))+k.ID)
		}
	}
	slices.Sort(want)
	slices.Reverse(want)
	for q := (store.Query{Site: site, State: state, Limit: 1 + p.random.IntN(50)}); ; {
		part, err := p.s.List(p.Context(), q)
		if err != nil {
			p.Fatal(err)
		}
		for _, r := range part.Records {
			got = append(got, string(appendMoment(nil, r.Created))+r.Key.ID)
		}
		if q.Before = part.Next; q.Before == (store.Cursor{}) {
			break
		}
	}
	if !slices.Equal(want, got) {
		p.Fatalf("%s, %q: %d records, want %d", site, state, len(got), len(want))
	}
}

// timed compares the timers with those that there must be.
func (p *packed) timed() {
	want := 0
	for k, r := range p.kept {
		if !r.Timer.IsZero() && !p.leased[k] {
			want++
		}
	}
	var all []string
	for chunk := range slices.Chunk([]byte(strings.Join(p.c.ZRange(p.Context(), "o{0}t", 0, -1).Val(), "")), 25) {
		all = append(all, string(chunk))
	}
	if len(all) != want || !slices.IsSorted(all) || int(p.c.ZCard(p.Context(), "o{0}p").Val()) != len(p.leased) {
		p.Fatalf("%d timers, want %d in order", len(all), want)
	}
}

func TestAPackedSetHoldsWhatASetWouldHold(t *testing.T) {
	t.Parallel()
	server, seed := startServer(t), rand.Uint64()
	t.Logf("seed %d", seed)
	p := &packed{
		T: t, s: patient(t, Options{Location: at(server.url())}), c: server.client(),
		random: rand.New(rand.NewPCG(seed, 0)), kept: map[store.Key]store.Record{}, leased: map[store.Key]bool{},
	}
	for step := range 3000 {
		if p.act(p.key()); step%40 == 0 {
			p.add()
		}
		if step%500 == 499 { // so that they are added among few as well
			for k := range p.kept {
				if p.random.IntN(10) > 0 {
					p.erase(k)
				}
			}
		}
		if step%200 == 199 {
			for _, site := range []string{"gazette", "g"} {
				p.listed(site, "")
				p.listed(site, "pending")
			}
			p.timed()
		}
	}
}

// TestWhatIsCommittedOutOfOrderRewritesFewChunks commits each two records in the wrong order, as those of people who
// sign up at once are.
func TestWhatIsCommittedOutOfOrderRewritesFewChunks(t *testing.T) {
	const n = 400
	server := startServer(t)
	s, c, began := patient(t, Options{Location: at(server.url())}), server.client(), time.Now()
	for i := range n {
		made := began.Add(time.Duration(2*(i^1)) * time.Millisecond)
		put(t, s, key(i), &store.Record{State: "pending", Created: made, Timer: made.Add(time.Hour)})
	}
	stats := c.Info(t.Context(), "commandstats").Val()
	_, after, _ := strings.Cut(stats, "cmdstat_zremrangebylex:calls=")
	calls, _, _ := strings.Cut(after, ",")
	if rewritten, _ := strconv.Atoi(calls); rewritten > n/4 {
		t.Errorf("%d chunks were written anew for %d records", rewritten, n)
	}
	page, err := s.List(t.Context(), store.Query{Site: key(0).Site, Limit: 1000})
	if err != nil || len(page.Records) != n {
		t.Errorf("%d records are listed, %v", len(page.Records), err)
	}
	for _, set := range []string{"o{0}igazette/pending", "o{0}t"} {
		if chunks := c.ZCard(t.Context(), set).Val(); chunks > n/4 {
			t.Errorf("%s has %d chunks of %d entries", set, chunks, n)
		}
	}
}
