package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// quota is one of the limits on where letters are asked for from.
type quota struct {
	name   string // by which clients are told of it
	bucket string
	limits []store.Limit
}

// quotas are those of a client. Its IP comes first: whoever has used that up takes nothing from their neighbours.
func (s *Server) quotas(st *site, from netip.Addr) []quota {
	return []quota{
		{"ip", s.bucket("signups per ip", st, narrow(from, 32, 64)), st.Limits.SignupsPerIP},
		{"network", s.bucket("signups per network", st, narrow(from, 24, 48)), st.Limits.SignupsPerNetwork},
	}
}

// narrow is the network of an address, of so many bits: as IPv4, or as IPv6. One customer has a whole IPv6 network of 64 bits.
func narrow(a netip.Addr, v4, v6 int) string {
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
func (s *Server) bucket(label string, st *site, who string) string {
	return "ip/" + base64.RawURLEncoding.EncodeToString(s.opt.Keyring.Sums(label, st.id, who)[0])
}

// spare takes one letter from what a client may ask for, or refuses. A store that cannot say refuses as well. Of an unknown client
// nothing is counted. The taker is the store's.
func (s *Server) spare(ctx context.Context, st *site, from netip.Addr, taker string) error {
	if !from.IsValid() {
		return nil
	}
	all := s.quotas(st, from)
	var buckets []store.Bucket
	for _, q := range all {
		buckets = append(buckets, store.Bucket{Name: q.bucket, Limits: q.limits})
	}
	waits, err := s.opt.Store.Acquire(ctx, taker, buckets...)
	if err != nil {
		return err
	}
	for i, wait := range waits {
		if wait > 0 {
			return &refusal{code: codeTooMany, after: wait, rate: &rate{policies: policies(all), over: all[i].over(wait)}}
		}
	}
	return nil
}

// rate is what the fields of draft-ietf-httpapi-ratelimit-headers say of a refusal. Quotas of one address are never told: they would
// tell what is known of it.
type rate struct{ policies, over string }

func (q *rate) tell(h http.Header) {
	h.Set("RateLimit-Policy", q.policies)
	h.Set("RateLimit", q.over)
}

// policies are all that are in force, as RateLimit-Policy says them: how many, in how many seconds.
func policies(all []quota) string {
	var items []string
	for _, q := range all {
		for i, l := range q.limits {
			items = append(items, fmt.Sprintf("%q;q=%d;w=%d", q.policy(i), l.N, seconds(l.Per)))
		}
	}
	return strings.Join(items, ", ")
}

// over is a quota that is used up, as RateLimit says it: nothing is left, for so many seconds. The store tells only how long; of several
// limits it can be none whose window is shorter, and the shortest other is named.
func (q quota) over(wait time.Duration) string {
	at := -1
	for i, l := range q.limits {
		if l.Per >= wait && (at < 0 || l.Per < q.limits[at].Per) {
			at = i
		}
	}
	return fmt.Sprintf("%q;r=0;t=%d", q.policy(max(at, 0)), seconds(wait))
}

// policy is the name of one of a quota's limits.
func (q quota) policy(i int) string {
	if i == 0 {
		return q.name
	}
	return fmt.Sprintf("%s-%d", q.name, i+1)
}
