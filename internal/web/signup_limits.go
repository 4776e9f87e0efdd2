package web

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// signupLimits limit how many signups, and renewals, one client may send to a site: by its IP and by its network.
type signupLimits struct {
	*ratelimit.Limiter
	now  func() time.Time
	full fullQuotas
}

// quotas returns what a signup of a client takes. A client whose address is unknown is not limited.
func (l *signupLimits) quotas(st *site, from netip.Addr) []ratelimit.Quota {
	if !from.IsValid() {
		return nil
	}
	ip := l.SignupsPerIP(st.id, from, st.Limits.SignupsPerIP)
	network := l.SignupsPerNetwork(st.id, from, st.Limits.SignupsPerNetwork)
	ip.Bucket.Beside = network.Bucket.Name
	return []ratelimit.Quota{ip, network}
}

// room returns *ratelimit.Exceeded if this process knows that a quota has no room yet: such a client costs the store
// nothing.
func (l *signupLimits) room(quotas []ratelimit.Quota) error { return l.full.check(quotas, l.now()) }

// acquire takes from the quotas of a client by themselves. What was taken is never given back.
func (l *signupLimits) acquire(ctx context.Context, quotas []ratelimit.Quota) error {
	if err := l.room(quotas); err != nil || len(quotas) == 0 {
		return err
	}
	return l.Acquire(ctx, "", quotas...)
}

// refusal returns too_many_requests, and sets the RateLimit headers, if it was one of a client's own quotas that had no
// room, which this process then remembers; any other error as it is.
func (l *signupLimits) refusal(c echo.Context, own []ratelimit.Quota, err error) error {
	exceeded := new(ratelimit.Exceeded)
	if !errors.As(err, &exceeded) {
		return err
	}
	for _, q := range own {
		if wait := exceeded.WaitOf(q); wait > 0 {
			l.full.add(q, l.now().Add(wait))
			h := c.Response().Header()
			h.Set("RateLimit-Policy", policies(own))
			h.Set("RateLimit", over(q, wait))
			return problem.Later(problem.TooManyRequests, wait)
		}
	}
	return err
}

// fullQuotas remembers until when quotas have no room, by the names of their buckets.
type fullQuotas struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// maxFullQuotas is how many are remembered. Then all are forgotten: the store knows them.
const maxFullQuotas = 10_000

func (f *fullQuotas) add(q ratelimit.Quota, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil || len(f.until) >= maxFullQuotas {
		f.until = map[string]time.Time{}
	}
	f.until[q.Bucket.Name] = until
}

// check returns *ratelimit.Exceeded if any of the quotas has no room, as far as is known.
func (f *fullQuotas) check(quotas []ratelimit.Quota, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := &ratelimit.Exceeded{Quotas: quotas, Waits: make([]time.Duration, len(quotas))}
	full := false
	for i, q := range quotas {
		until, known := f.until[q.Bucket.Name]
		switch wait := until.Sub(now); {
		case !known:
		case wait <= 0, wait > longest(q.Bucket.Limits): // over, or the clock stepped back
			delete(f.until, q.Bucket.Name)
		default:
			e.Waits[i], full = wait, true
		}
	}
	if full {
		return e
	}
	return nil
}

func longest(limits []store.Limit) (d time.Duration) {
	for _, l := range limits {
		d = max(d, l.Per)
	}
	return d
}

// policies returns the value of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): of each limit how many in how
// many seconds. The limits on an address are not among them: they would reveal what is known of it.
func policies(all []ratelimit.Quota) string {
	var items []string
	for _, q := range all {
		for i, l := range q.Bucket.Limits {
			items = append(items, fmt.Sprintf("%q;q=%d;w=%d", limitName(q, i), l.N, respond.Seconds(l.Per)))
		}
	}
	return strings.Join(items, ", ")
}

// over returns the value of RateLimit for a quota that is used up: nothing is left for so many seconds. The store
// returns only the wait. So of several limits the one with the shortest window that is not shorter than the wait is
// named.
func over(q ratelimit.Quota, wait time.Duration) string {
	at := -1
	for i, l := range q.Bucket.Limits {
		if l.Per >= wait && (at < 0 || l.Per < q.Bucket.Limits[at].Per) {
			at = i
		}
	}
	return fmt.Sprintf("%q;r=0;t=%d", limitName(q, max(at, 0)), respond.Seconds(wait))
}

// limitName returns the name of one of several limits of a quota.
func limitName(q ratelimit.Quota, i int) string {
	if i == 0 {
		return q.Name
	}
	return fmt.Sprintf("%s-%d", q.Name, i+1)
}
