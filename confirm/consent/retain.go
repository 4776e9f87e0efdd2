package consent

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Retention is how long what proves something is kept.
type Retention struct {
	IP       time.Duration // the exact IPs; then their networks are
	Evidence time.Duration // of a consent, from when it ended or was last used
	Receipt  time.Duration // of a person who was erased; 0: none is
}

// Retain is the action of a retention policy: IPs become networks, and what proves a consent that is long over is
// deleted. If it was the last one, the person is erased, as by Erase. What is confirmed, or open, is kept.
type Retain struct {
	Retention Retention
	// Revised says that newer revisions ended consents since the subscription was stored: that is to be stored, too.
	Revised bool
	// Validity is given to consents that were confirmed before there was one.
	Validity Validity
}

func (a Retain) apply(s *edit, now time.Time) (effects, error) {
	if a.Revised {
		s.touch()
	}
	over := func(c Consent) bool { return !isProof(s.Subscription, c, a.Retention.Evidence, now) }
	kept := slices.DeleteFunc(slices.Clone(s.Consents), over)
	if len(kept) == 0 && len(s.Consents) > 0 && s.Requests.LatestOpen(now) == nil {
		return Erase{}.apply(s, now)
	}
	if len(kept) < len(s.Consents) {
		for _, c := range s.Consents {
			if over(c) {
				s.forgetHistory(c.Ended.At)
			}
		}
		s.Consents = kept
		s.touch()
		s.prune(now)
	}
	s.date(a.Validity, now)
	s.cutIPs(now.Add(-a.Retention.IP))
	return effects{}, nil
}

// isProof reports whether a consent, or another one of the same request, must still be provable.
func isProof(s *Subscription, c Consent, kept time.Duration, now time.Time) bool {
	return slices.ContainsFunc(s.Consents, func(o Consent) bool {
		return o.RequestID == c.RequestID && (o.Ended == nil || now.Before(o.lastMattered().Add(kept)))
	})
}

// lastMattered returns when a consent that ended did so, or was last used.
func (c *Consent) lastMattered() time.Time {
	if used := c.Used.Add(24 * time.Hour); !c.Used.IsZero() && used.After(c.Ended.At) {
		return used
	}
	return c.Ended.At
}

// cutIPs puts networks in the place of the IPs of all that happened until a time.
func (s *edit) cutIPs(until time.Time) {
	cut := withEvidence(*s.Subscription, func(e *Evidence) {
		if !e.At.After(until) && e.cutIP() {
			s.touch()
		}
	})
	*s.Subscription = cut
}

// cutIP puts networks in the place of IPs, and reports whether there were any exact ones.
func (e *Evidence) cutIP() (exact bool) {
	exact = CutIP(e.IP) != e.IP
	e.IP = CutIP(e.IP)
	if e.Attested != nil {
		a := *e.Attested
		a.IP = CutIP(a.IP)
		exact = exact || a.IP != e.Attested.IP
		e.Attested = &a
	}
	return exact
}

// WithoutExactIPs returns a copy of the subscription with networks in the place of all IPs.
func (s Subscription) WithoutExactIPs() Subscription {
	return withEvidence(s, func(e *Evidence) { e.cutIP() })
}

// CutIP returns the network of an IP: the first 24 bits of IPv4 as 192.0.2.0/24, the first 48 of IPv6. A network stays
// as it is; what is neither is empty.
func CutIP(ip string) string {
	if strings.Contains(ip, "/") {
		return ip
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// withEvidence returns a copy of the subscription in which all evidence was changed.
func withEvidence(s Subscription, change func(*Evidence)) Subscription {
	s = s.clone()
	optional := func(e **Evidence) {
		if *e != nil {
			own := **e
			change(&own)
			*e = &own
		}
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		change(&r.Asked)
		optional(&r.Renewed)
		optional(&r.Closed)
		for j := range r.Emails {
			optional(&r.Emails[j].Bounced)
		}
	}
	for i := range s.Consents {
		optional(&s.Consents[i].Ended)
	}
	for i := range s.Refusals {
		change(&s.Refusals[i].Declined)
		optional(&s.Refusals[i].Unblocked)
	}
	for i := range s.Objections {
		change(&s.Objections[i].Evidence)
		optional(&s.Objections[i].Unblocked)
	}
	for i := range s.Notices {
		change(&s.Notices[i].Asked)
		optional(&s.Notices[i].Email.Bounced)
	}
	for i := range s.Claims {
		change(&s.Claims[i].Asked)
		optional(&s.Claims[i].Email.Bounced)
		optional(&s.Claims[i].Done)
	}
	return s
}
