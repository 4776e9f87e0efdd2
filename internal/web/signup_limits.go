package web

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/respond"
)

// signupLimits limit how many signups, and renewals, one client may send to a site: by its IP and by its network.
type signupLimits struct{ *ratelimit.Limiter }

// acquire counts one signup of a client against the limits of its IP and of its network. If either has no room it
// counts nothing, sets the RateLimit headers, and returns too_many_requests. An error of the store refuses the signup,
// too. A client whose address is unknown is not limited. What was counted is never given back.
func (l *signupLimits) acquire(c echo.Context, st *site, from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	err := l.Acquire(c.Request().Context(), "",
		l.SignupsPerIP(st.id, from, st.Limits.SignupsPerIP),
		l.SignupsPerNetwork(st.id, from, st.Limits.SignupsPerNetwork))
	exceeded := new(ratelimit.Exceeded)
	if !errors.As(err, &exceeded) {
		return err
	}
	for i, wait := range exceeded.Waits {
		if wait > 0 {
			h := c.Response().Header()
			h.Set("RateLimit-Policy", policies(exceeded.Quotas))
			h.Set("RateLimit", over(exceeded.Quotas[i], wait))
			return problem.Later(problem.TooManyRequests, wait)
		}
	}
	return err
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
