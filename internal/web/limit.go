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

// signupLimits limit how many emails one client may ask for, by its IP and its network.
type signupLimits struct{ *ratelimit.Limiter }

// acquire counts one email that a client asks for, against all its limits, or against none of them and refuses it, in
// the headers as well. A store that cannot say refuses too. Of an unknown client nothing is counted. What was counted
// is never given back.
func (l *signupLimits) acquire(c echo.Context, st *site, from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	err := l.Acquire(c.Request().Context(), "",
		l.SignupsPerIP(st.id, from, st.Limits.SignupsPerIP), l.SignupsPerNetwork(st.id, from, st.Limits.SignupsPerNetwork))
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

// policies returns all limits that are in force, as RateLimit-Policy says them (draft-ietf-httpapi-ratelimit-headers): how many, in how many
// seconds. The limits on one address are never told: they would tell what is known of it.
func policies(all []ratelimit.Quota) string {
	var items []string
	for _, q := range all {
		for i, l := range q.Bucket.Limits {
			items = append(items, fmt.Sprintf("%q;q=%d;w=%d", limitName(q, i), l.N, respond.Seconds(l.Per)))
		}
	}
	return strings.Join(items, ", ")
}

// over returns a quota that is used up, as RateLimit says it: nothing is left, for so many seconds. The store tells only how long; of several
// limits it can be none whose window is shorter, and the shortest other one is named.
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
