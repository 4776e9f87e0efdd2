package ratelimit_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

var now = time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)

func newLimiter(t *testing.T) *ratelimit.Limiter {
	t.Helper()
	_, l := newStore(t)
	return l
}

func newStore(t *testing.T) (store.Store, *ratelimit.Limiter) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"),
		Now:  func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	return st, ratelimit.New(st, ring)
}

func perHour(n int) []store.Limit { return []store.Limit{{N: n, Per: time.Hour}} }

func TestAQuotaThatRefusesTakesNothingFromTheOthers(t *testing.T) {
	l := newLimiter(t)
	site, service := l.Emails("gazette", perHour(1)), l.Emails("", perHour(3))
	if err := l.Acquire(t.Context(), "", site, service); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		err := l.Acquire(t.Context(), "", site, service)
		exceeded := new(ratelimit.Exceeded)
		if !errors.As(err, &exceeded) || exceeded.Wait() != time.Hour {
			t.Fatalf("%v, %+v", err, exceeded)
		}
		if exceeded.Waits[0] != time.Hour || exceeded.Waits[1] != 0 {
			t.Fatalf("the site and the service wait %v", exceeded.Waits)
		}
	}
	for range 2 {
		if err := l.Acquire(t.Context(), "", l.Emails("club", perHour(9)), service); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Acquire(t.Context(), "", l.Emails("club", perHour(9)), service); err == nil {
		t.Error("the service has a fourth email")
	}
}

func TestTheSameTakerTakesOnce(t *testing.T) {
	l := newLimiter(t)
	for range 3 {
		if err := l.Acquire(t.Context(), "me", l.Emails("gazette", perHour(2))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Acquire(t.Context(), "you", l.Emails("gazette", perHour(2))); err != nil {
		t.Error(err)
	}
	if err := l.Acquire(t.Context(), "they", l.Emails("gazette", perHour(2))); err == nil {
		t.Error("a third taker took")
	}
}

func TestWithoutLimitsThereIsAlwaysRoom(t *testing.T) {
	l := newLimiter(t)
	for range 100 {
		if err := l.Acquire(t.Context(), "", l.Emails("gazette", nil), l.Emails("", nil)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhoSharesAQuota(t *testing.T) {
	l := newLimiter(t)
	ip := func(s string) string { return l.SignupsPerIP("gazette", netip.MustParseAddr(s), nil).Bucket.Name }
	network := func(s string) string {
		return l.SignupsPerNetwork("gazette", netip.MustParseAddr(s), nil).Bucket.Name
	}
	mailbox := func(s string) string {
		a, err := address.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return l.EmailsPerMailbox("gazette", a, perHour(1), nil, time.Hour)[0].Bucket.Name
	}
	for _, row := range []struct {
		of   func(string) string
		a, b string
		same bool
	}{
		{ip, "192.0.2.7", "192.0.2.7", true},
		{ip, "192.0.2.7", "192.0.2.8", false},
		{ip, "2001:db8::1", "2001:db8::2", true}, // one customer
		{ip, "2001:db8::1", "2001:db8:0:1::1", false},
		{network, "192.0.2.7", "192.0.2.200", true},
		{network, "192.0.2.7", "192.0.3.7", false},
		{network, "2001:db8:0:1::1", "2001:db8:0:2::1", true},
		{network, "2001:db8:1::1", "2001:db8:2::1", false},
		{mailbox, "ada@gmail.com", "a.d.a+x@googlemail.com", true},
		{mailbox, "ada@example.org", "bob@example.org", false},
	} {
		if same := row.of(row.a) == row.of(row.b); same != row.same {
			t.Errorf("%s and %s share a quota: %t", row.a, row.b, same)
		}
	}
}

func TestEveryClientOfEverySiteHasItsOwnBucket(t *testing.T) {
	l := newLimiter(t)
	seen := map[string]bool{}
	for _, who := range []netip.Addr{
		netip.MustParseAddr("2001:db8:0:1::7"), netip.MustParseAddr("2001:db8:0:2::7"),
		netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8"),
		{}, // an unknown peer
	} {
		for _, site := range []string{"gazette", "club"} {
			b := l.SignupsPerIP(site, who, nil).Bucket.Name
			if seen[b] {
				t.Errorf("%s at %s: bucket %s is somebody else's too", who, site, b)
			}
			seen[b] = true
		}
	}
}

func TestABucketNamesNobody(t *testing.T) {
	l := newLimiter(t)
	ada, _ := address.Parse("ada@example.org")
	ip := netip.MustParseAddr("192.0.2.7")
	many := perHour(store.MaxExact + 1)
	for _, q := range append(
		l.EmailsPerMailbox("gazette", ada, append(many, perHour(1)...), many, time.Hour),
		l.SignupsPerIP("gazette", ip, nil),
		l.SignupsPerNetwork("gazette", ip, nil),
		l.PendingPerMailbox("gazette", ada, nil),
	) {
		name := q.Bucket.Name
		for _, personal := range []string{"192", "ada", "example"} {
			if strings.Contains(name, personal) {
				t.Errorf("a bucket is named %s", name)
			}
		}
		if len(name) > 128 {
			t.Errorf("the name %s has %d bytes", name, len(name))
		}
	}
}

func TestLoginsOfAClientAreCountedAnewSinceItsLastOne(t *testing.T) {
	l := newLimiter(t)
	once := []store.Limit{{N: 1, Per: time.Hour}}
	first, neighbour := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	acquire := func(quotas ...ratelimit.Quota) bool { return l.Acquire(t.Context(), "", quotas...) == nil }
	if !acquire(l.LoginsPerIP(first, "", once)) || acquire(l.LoginsPerIP(neighbour, "", once)) {
		t.Error("an IPv6 network of 64 bits is not one client")
	}
	if !acquire(l.LoginsPerIP(first, "a login", once)) || acquire(l.LoginsPerIP(first, "a login", once)) {
		t.Error("a login does not begin a count of its own")
	}
	stranger := netip.MustParseAddr("2001:db8:0:1::1")
	if !acquire(l.Logins(once), l.LoginsPerIP(stranger, "", once)) || acquire(l.Logins(once)) {
		t.Error("all clients are not counted together")
	}
	bucket := l.LoginsPerIP(first, "a login", once).Bucket.Name
	if strings.Contains(bucket, "2001") || strings.Contains(bucket, "a login") {
		t.Errorf("the bucket %s names the client", bucket)
	}
}

func TestALimitTooLargeToBeExactHasABucketOfItsOwn(t *testing.T) {
	l := newLimiter(t)
	ada, err := address.Parse("ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	few, many := perHour(2), perHour(store.MaxExact+1)
	take := func(site string, ofSite, ofAll []store.Limit) error {
		return l.Acquire(t.Context(), "", l.EmailsPerMailbox(site, ada, ofSite, ofAll, time.Hour)...)
	}
	for n, row := range []struct {
		site          string
		ofSite, ofAll []store.Limit
		full          bool
	}{
		{"gazette", append(many, few...), many, false},
		{"gazette", append(many, few...), many, false},
		{"gazette", append(many, few...), many, true}, // the small one of the site
		{"herald", many, append(many, few...), true},  // two were taken from all sites, which share one bucket
		{"herald", many, many, false},
	} {
		err := take(row.site, row.ofSite, row.ofAll)
		if full := errors.As(err, new(*ratelimit.Exceeded)); full != row.full || !full && err != nil {
			t.Errorf("%d: %v, want it full: %t", n, err, row.full)
		}
	}
	for n := range store.MaxExact { // of herald's own 101 one is taken
		if err := take("herald", many, nil); err != nil {
			t.Fatalf("number %d of herald: %v", n+2, err)
		}
	}
	if err := take("herald", many, nil); !errors.As(err, new(*ratelimit.Exceeded)) {
		t.Errorf("more than the limit of herald: %v", err)
	}
	if err := take("gazette", many, nil); err != nil {
		t.Errorf("the limit of another site: %v", err)
	}
}

func mustParse(t *testing.T, text string) address.Address {
	t.Helper()
	a, err := address.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEachSiteAndTheServiceHaveEmailsOfTheirOwn(t *testing.T) {
	l := newLimiter(t)
	for name, q := range map[string]ratelimit.Quota{
		"gazette": l.Emails("gazette", perHour(1)), "club": l.Emails("club", perHour(1)),
		"the service": l.Emails("", perHour(1)),
	} {
		if err := l.Acquire(t.Context(), "", q); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Acquire(t.Context(), "", q); err == nil {
			t.Errorf("%s has a second email", name)
		}
	}
}

func TestAMailboxHasABucketForEachKindOfLimitThatIsSet(t *testing.T) {
	l := newLimiter(t)
	exact, large := perHour(store.MaxExact), perHour(store.MaxExact+1)
	for name, row := range map[string]struct {
		ofSite, ofAll []store.Limit
		want          int
	}{
		"none":                    {nil, nil, 0},
		"exact ones, which share": {exact, exact, 1},
		"of the site":             {exact, nil, 1},
		"of all sites":            {nil, exact, 1},
		"large of the site":       {large, nil, 1},
		"large of all sites":      {nil, large, 1},
		"large ones":              {large, large, 2},
		"all":                     {append(exact, large...), append(exact, large...), 3},
	} {
		all := l.EmailsPerMailbox("gazette", mustParse(t, "ada@example.org"), row.ofSite, row.ofAll, time.Hour)
		if len(all) != row.want {
			t.Errorf("%s: %d buckets, not %d: %+v", name, len(all), row.want, all)
		}
		if err := l.Acquire(t.Context(), "", all...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAChallengeIsAskedForBeforeTheEmailsToADomainWait(t *testing.T) {
	l := newLimiter(t)
	for emails, signups := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 50: 25} {
		limits := perHour(emails)
		to := mustParse(t, fmt.Sprintf("ada@example-%d.org", emails))
		for n := range signups {
			if err := l.Acquire(t.Context(), "", l.SignupsPerDomain(to, limits)...); err != nil {
				t.Errorf("signup %d where %d emails may go: %v", n+1, emails, err)
			}
		}
		err := l.Acquire(t.Context(), "", l.SignupsPerDomain(to, limits)...)
		exceeded := new(ratelimit.Exceeded)
		if !errors.As(err, &exceeded) || !exceeded.HasNoRoom(ratelimit.SignupsToDomain) ||
			exceeded.HasNoRoom(ratelimit.Domain) {
			t.Errorf("signup %d where %d emails may go: %v", signups+1, emails, err)
		}
		if limits[0].N != emails {
			t.Errorf("the limit on emails has become %d", limits[0].N)
		}
		if err := l.Acquire(t.Context(), "", l.EmailsPerDomain(to, limits)...); err != nil {
			t.Errorf("an email: %v", err)
		}
	}
}

func TestOnlySmallDomainsWithALimitAreCounted(t *testing.T) {
	l := newLimiter(t)
	for name, row := range map[string]struct {
		to     string
		limits []store.Limit
		want   int
	}{
		"a domain":                 {"ada@example.org", perHour(1), 1},
		"where there is no limit":  {"ada@example.org", nil, 0},
		"a large provider":         {"ada@gmail.com", perHour(1), 0},
		"a large one, and nothing": {"ada@gmail.com", nil, 0},
	} {
		if n := len(l.EmailsPerDomain(mustParse(t, row.to), row.limits)); n != row.want {
			t.Errorf("%s: %d quotas, not %d", name, n, row.want)
		}
	}
}

func TestARefusalSaysWhichQuotaHasNoRoomAndForHowLong(t *testing.T) {
	l := newLimiter(t)
	full, free := l.Emails("gazette", perHour(1)), l.Emails("", perHour(9))
	one := l.SignupsPerIP("gazette", netip.MustParseAddr("192.0.2.7"), perHour(9))
	if err := l.Acquire(t.Context(), "", full); err != nil {
		t.Fatal(err)
	}
	err := l.Acquire(t.Context(), "", free, full, one)
	exceeded := new(ratelimit.Exceeded)
	if !errors.As(err, &exceeded) || exceeded.Wait() != time.Hour || !strings.Contains(err.Error(), "1h") {
		t.Fatal(err)
	}
	other := l.Emails("club", perHour(1))
	for name, row := range map[string]struct {
		of   ratelimit.Quota
		want time.Duration
	}{"the full one": {full, time.Hour}, "one with room": {free, 0}, "another": {one, 0}, "none of them": {other, 0}} {
		if got := exceeded.WaitOf(row.of); got != row.want {
			t.Errorf("%s waits %v, not %v", name, got, row.want)
		}
	}
	for name, want := range map[string]bool{"emails/gazette": true, "emails": false, "ip": false, "network": false} {
		if exceeded.HasNoRoom(name) != want {
			t.Errorf("%s has no room: %t", name, !want)
		}
	}
}

func TestARecordIsKeptWithWhatItTakesOrNotAtAll(t *testing.T) {
	st, l := newStore(t)
	q := l.Emails("gazette", perHour(1))
	keep := func(id string, quotas ...ratelimit.Quota) error {
		err := st.Update(t.Context(), store.Key{Site: "gazette", ID: id}, func(store.Record) (store.Change, error) {
			r := &store.Record{State: "pending", Created: now, Data: []byte("x")}
			return store.Change{Put: r, Acquire: ratelimit.Acquisition(id, quotas...)}, nil
		})
		return ratelimit.ErrorOf(err, quotas...)
	}
	if err := errors.Join(keep("one", q), keep("two")); err != nil {
		t.Fatal(err)
	}
	err := keep("three", q)
	exceeded := new(ratelimit.Exceeded)
	if !errors.As(err, &exceeded) || exceeded.WaitOf(q) != time.Hour {
		t.Error(err)
	}
	for id, want := range map[string]bool{"one": true, "two": true, "three": false} {
		_, err := st.Find(t.Context(), store.Key{Site: "gazette", ID: id})
		if (err == nil) != want || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is to be kept: %t, but %v", id, want, err)
		}
	}
	if ratelimit.Acquisition("three") != nil {
		t.Error("without quotas something is taken")
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := keep("four", q); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("of a store that is closed: %v", err)
	}
	if err := l.Acquire(t.Context(), "", q); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("of a store that is closed: %v", err)
	}
}
