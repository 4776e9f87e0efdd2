// Package ratelimit names the buckets in which limits are counted, and takes from several at once: from all of them, or
// from none.
//
// What is taken is never given back, whatever becomes of it: a refund would tell a stranger what is known of an
// address.
//
// A bucket's name holds no address and no IP, only keyed hashes of them. The counting itself is the store's, exact and
// the same for all processes.
package ratelimit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// Quota is a bucket with a name by which clients may be told of it.
type Quota struct {
	Name   string // such as "ip"
	Bucket store.Bucket
}

// Exceeded is the error of Acquire: some of the quotas have no room, and nothing was taken.
type Exceeded struct {
	Quotas []Quota
	Waits  []time.Duration // until each has room; 0: it has
}

func (e *Exceeded) Error() string { return fmt.Sprintf("ratelimit: exceeded for %v", e.Wait()) }

// Wait returns how long until all quotas have room.
func (e *Exceeded) Wait() time.Duration { return slices.Max(e.Waits) }

// WaitOf returns how long until one of the quotas has room; 0: it has, or is not among them.
func (e *Exceeded) WaitOf(q Quota) time.Duration {
	for i, of := range e.Quotas {
		if of.Bucket.Name == q.Bucket.Name {
			return e.Waits[i]
		}
	}
	return 0
}

// HasNoRoom reports whether a quota of that name has none.
func (e *Exceeded) HasNoRoom(name string) bool {
	for i, of := range e.Quotas {
		if of.Name == name && e.Waits[i] > 0 {
			return true
		}
	}
	return false
}

// Limiter takes from quotas. Its methods may be called from any goroutine.
type Limiter struct {
	limits  store.Limits
	keyring *keyring.Keyring
}

// New makes a Limiter whose buckets are counted in limits and named under keys of the keyring.
func New(limits store.Limits, ring *keyring.Keyring) *Limiter { return &Limiter{limits, ring} }

// Acquire takes one from every quota, or returns *Exceeded and takes none; or an error of the store. The same taker
// takes once from a bucket while what it took counts; an empty taker is a different one each time.
func (l *Limiter) Acquire(ctx context.Context, taker string, quotas ...Quota) error {
	var buckets []store.Bucket
	for _, q := range quotas {
		buckets = append(buckets, q.Bucket)
	}
	waits, err := l.limits.Acquire(ctx, taker, buckets...)
	if err != nil {
		return err
	}
	if waits != nil {
		return &Exceeded{quotas, waits}
	}
	return nil
}

// Acquisition returns what a change of a record takes in its own commit; nil for no quotas. See ErrorOf.
func Acquisition(taker string, quotas ...Quota) *store.Acquisition {
	if len(quotas) == 0 {
		return nil
	}
	a := &store.Acquisition{Taker: taker}
	for _, q := range quotas {
		a.Buckets = append(a.Buckets, q.Bucket)
	}
	return a
}

// ErrorOf returns *Exceeded for the store's error about an Acquisition of these quotas, and any other error as it is.
func ErrorOf(err error, quotas ...Quota) error {
	if exceeded := new(store.Exceeded); errors.As(err, &exceeded) {
		return &Exceeded{quotas, exceeded.Waits}
	}
	return err
}

// SignupsPerIP is the quota of one client at a site; see Client.
func (l *Limiter) SignupsPerIP(site string, from netip.Addr, limits []store.Limit) Quota {
	return l.quota("ip", "signups per ip", limits, site, Client(from))
}

// SignupsPerNetwork is the quota of the network of a client at a site: 24 bits of IPv4, 48 of IPv6.
func (l *Limiter) SignupsPerNetwork(site string, from netip.Addr, limits []store.Limit) Quota {
	return l.quota("network", "signups per network", limits, site, network(from, 24, 48))
}

// Emails is the quota of the emails of a site, or of the whole service if site is empty.
func (l *Limiter) Emails(site string, limits []store.Limit) Quota {
	name := "emails"
	if site != "" {
		name += "/" + site
	}
	return Quota{Name: name, Bucket: store.Bucket{Name: name, Limits: limits}}
}

// EmailsPerMailbox returns the quotas of the emails that reach one mailbox, in whatever spelling: from a site by some
// limits, and from all sites by others. All limits that are counted exactly share one bucket, which remembers for keep,
// since other sites have other limits on it. Larger ones have buckets of their own.
func (l *Limiter) EmailsPerMailbox(
	site string, to address.Address, ofSite, ofAll []store.Limit, keep time.Duration,
) (all []Quota) {
	exact := func(limit store.Limit) bool { return limit.N <= store.MaxExact }
	var shared []store.Limit
	for _, limit := range ofSite {
		if exact(limit) {
			limit.Tagged = true
			shared = append(shared, limit)
		}
	}
	for _, limit := range ofAll {
		if exact(limit) {
			shared = append(shared, limit)
		}
	}
	if len(shared) > 0 {
		q := l.quota("mailbox", "emails per mailbox", shared, to.Mailbox())
		q.Bucket.Tag, q.Bucket.Keep = site, keep
		all = append(all, q)
	}
	if large := slices.DeleteFunc(slices.Clone(ofSite), exact); len(large) > 0 {
		all = append(all, l.quota("mailbox", "emails of a site per mailbox", large, site, to.Mailbox()))
	}
	if large := slices.DeleteFunc(slices.Clone(ofAll), exact); len(large) > 0 {
		all = append(all, l.quota("mailbox", "emails of all sites per mailbox", large, to.Mailbox()))
	}
	return all
}

// EmailsPerDomain returns the quota of the emails of all sites to the domain of an address, with what was registered
// under it; none for a large provider's.
func (l *Limiter) EmailsPerDomain(to address.Address, limits []store.Limit) []Quota {
	return l.perDomain(Domain, "emails per domain", to, limits)
}

// SignupsPerDomain returns the quota of the signups at all sites with addresses at such a domain that may come without
// a challenge: half as many as it may get emails. So a challenge is asked for before any email waits.
func (l *Limiter) SignupsPerDomain(to address.Address, emails []store.Limit) []Quota {
	limits := slices.Clone(emails)
	for i := range limits {
		limits[i].N = max(1, limits[i].N/2)
	}
	return l.perDomain(SignupsToDomain, "signups per domain", to, limits)
}

// Domain and SignupsToDomain are the names of the quotas of EmailsPerDomain and SignupsPerDomain.
const (
	Domain          = "domain"
	SignupsToDomain = "domain-signups"
)

func (l *Limiter) perDomain(name, label string, to address.Address, limits []store.Limit) []Quota {
	if len(limits) == 0 || to.IsLarge() {
		return nil
	}
	q := l.quota("domain", label, limits, to.Organization())
	q.Name = name
	return []Quota{q}
}

// PendingPerMailbox is the quota of the emails to one mailbox of a site that may wait for EmailsPerMailbox.
func (l *Limiter) PendingPerMailbox(site string, to address.Address, limits []store.Limit) Quota {
	return l.quota("pending", "pending emails per mailbox", limits, site, to.Mailbox())
}

// Logins is the quota of attempts to log in from everywhere.
func (l *Limiter) Logins(limits []store.Limit) Quota {
	return Quota{Name: "logins", Bucket: store.Bucket{Name: "logins", Limits: limits}}
}

// LoginsPerIP is the quota of attempts to log in from one client, counted from zero for each value of since, which is
// the client's last login or empty.
func (l *Limiter) LoginsPerIP(from netip.Addr, since string, limits []store.Limit) Quota {
	return l.quota("logins", "logins per ip", limits, Client(from), since)
}

// Client returns what counts as one client: an IPv4 address, or the network of 64 bits of an IPv6 address, which one
// customer has.
func Client(a netip.Addr) string { return network(a, 32, 64) }

func (l *Limiter) quota(name, label string, limits []store.Limit, parts ...string) Quota {
	sum := l.keyring.MACs(label, parts...)[0]
	bucket := name + "/" + base64.RawURLEncoding.EncodeToString(sum)
	return Quota{Name: name, Bucket: store.Bucket{Name: bucket, Limits: limits}}
}

// network returns the network of an address, of so many bits as IPv4 or as IPv6.
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
