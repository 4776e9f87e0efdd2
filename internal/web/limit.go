package web

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// signupLimits limit how many emails one client may ask for, by its IP and its network.
type signupLimits struct {
	store store.Limits
	ring  *keyring.Keyring
}

// signupLimit is one of the limits, as it applies to a client.
type signupLimit struct {
	name   string // by which clients are told of it
	bucket string
	limits []store.Limit
}

// of returns the limits of a client.
func (l *signupLimits) of(st *site, from netip.Addr) []signupLimit {
	return []signupLimit{
		{"ip", l.bucket("signups per ip", st, network(from, 32, 64)), st.Limits.SignupsPerIP},
		{"network", l.bucket("signups per network", st, network(from, 24, 48)), st.Limits.SignupsPerNetwork},
	}
}

// network is the network of an address, of so many bits: as IPv4, or as IPv6. One customer has a whole IPv6 network of 64 bits.
func network(a netip.Addr, v4, v6 int) string {
	bits := v4
	if a.Is6() {
		bits = v6
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// bucket names what is counted of a client at a site without naming the client.
func (l *signupLimits) bucket(label string, st *site, who string) string {
	return "ip/" + base64.RawURLEncoding.EncodeToString(l.ring.Sums(label, st.id, who)[0])
}

// acquire counts one email that a client asks for, against all its limits, or against none of them and refuses it, in the headers as well. A
// store that cannot say refuses too. Of an unknown client nothing is counted. What was counted is never given back.
func (l *signupLimits) acquire(c echo.Context, st *site, from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	all := l.of(st, from)
	var buckets []store.Bucket
	for _, limit := range all {
		buckets = append(buckets, store.Bucket{Name: limit.bucket, Limits: limit.limits})
	}
	waits, err := l.store.Acquire(c.Request().Context(), "", buckets...)
	if err != nil {
		return err
	}
	for i, wait := range waits {
		if wait > 0 {
			h := c.Response().Header()
			h.Set("RateLimit-Policy", policies(all))
			h.Set("RateLimit", all[i].over(wait))
			return problem.Later(problem.TooManyRequests, wait)
		}
	}
	return nil
}

// policies are all limits that are in force, as RateLimit-Policy says them (draft-ietf-httpapi-ratelimit-headers): how many, in how many
// seconds. The limits on one address are never told: they would tell what is known of it.
func policies(all []signupLimit) string {
	var items []string
	for _, limit := range all {
		for i, l := range limit.limits {
			items = append(items, fmt.Sprintf("%q;q=%d;w=%d", limit.policy(i), l.N, respond.Seconds(l.Per)))
		}
	}
	return strings.Join(items, ", ")
}

// over is a limit that is used up, as RateLimit says it: nothing is left, for so many seconds. The store tells only how long; of several
// limits it can be none whose window is shorter, and the shortest other one is named.
func (l signupLimit) over(wait time.Duration) string {
	at := -1
	for i, one := range l.limits {
		if one.Per >= wait && (at < 0 || one.Per < l.limits[at].Per) {
			at = i
		}
	}
	return fmt.Sprintf("%q;r=0;t=%d", l.policy(max(at, 0)), respond.Seconds(wait))
}

// policy is the name of one of several limits.
func (l signupLimit) policy(i int) string {
	if i == 0 {
		return l.name
	}
	return fmt.Sprintf("%s-%d", l.name, i+1)
}
