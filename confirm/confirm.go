// Package confirm is the service: what a person, a website, a relay and the clock may do with subscriptions. Each
// change of a subscription is one atomic change of a store.
//
// The rules are those of package consent. An action is applied to what the store has, and what comes of it is committed
// in one step: the sealed record, its expiry, the jobs and events that follow, the end of the job that led to it, and
// the counts. Nothing is sent here; workers lease the jobs.
//
// A signup always commits one record and one email job, whatever is known of the address; the worker asks whether an
// email is due (Relay.Message). So neither its answer nor the work that it makes tells a stranger what is known. What
// it takes of limits is never given back, for the same reason.
//
// What spans subscriptions is kept in the store's limits. A signup takes from those of its client, of its site and of
// the whole service in the commit that keeps it, and is refused without room. Its email takes a place among those to
// one mailbox, however that is spelled, in the same commit; without room the email waits, silently.
//
// Personal data leaves this package towards a store only sealed, and a record's key is a keyed hash that names nobody.
package confirm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// Options are what a Service needs. Store, Keyring, PublicURL and Sites are required.
type Options struct {
	Store            store.Store
	Keyring          *keyring.Keyring
	PublicURL        *url.URL   // absolute; links are built from this and nothing else
	FormerURLs       []*url.URL // earlier public URLs: their links are good
	Sites            []Site
	EmailsPerMailbox []store.Limit         // to one mailbox over all sites; none: as many as the sites allow
	EmailsPerDomain  []store.Limit         // to one domain that is no large provider's; none: as many as there are
	Emails           []store.Limit         // of all sites together; none: as many as the sites have
	Receipts         Receipts              // none are made without a key
	Logged           bool                  // there is a consent log: its leaves are enqueued in QueueLog
	Retention        consent.Retention     // as Clock.Retain applies it
	LostBefore       func() time.Time      // links issued before may lead to what was lost; nil or zero: none do
	Surge            Surge                 // nil: nobody watches for abuse
	Now              func() time.Time      // time.Now if nil
	Rand             io.Reader             // crypto/rand.Reader if nil
	Enqueued         func(store.QueueName) // called after a job was committed that is due now; may be nil
	// Counted is called after a change of a site's subscription was committed here, with what it counted (see
	// consent.Counts) and the context of the call that made it. It must return at once, and may be nil.
	Counted    func(ctx context.Context, site string, counts []store.Count)
	Traced     bool                   // Traces are made; else all are zero
	Unreadable func(*UnreadableError) // called about once an hour for a record that does not open; may be nil
}

// Surge is told of signs that a site's form is being abused. *surge.Surge is one.
type Surge interface {
	// Start puts a site into a surge: its signups need a challenge for a while.
	Start(ctx context.Context, site string) error
	// Declined counts a person's "this was not me".
	Declined(ctx context.Context, site string)
}

// Service is everything that may be done with subscriptions, by who does it. All methods may be called from any
// goroutine. What the store returns (store.ErrUnavailable above all) comes back wrapped.
type Service struct {
	Person     *Person
	Website    *Website
	Statistics *Statistics
	Operator   *Operator
	Relay      *Relay
	Clock      *Clock
	Log        *Log
	records    *records
}

// New makes a Service, or returns what is missing.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Keyring == nil || o.PublicURL == nil || len(o.Sites) == 0 {
		return nil, errors.New("confirm: a store, a keyring, a public URL and a site are required")
	}
	if o.PublicURL.Host == "" {
		return nil, fmt.Errorf("confirm: the public URL %s is not absolute", o.PublicURL)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LostBefore == nil {
		o.LostBefore = func() time.Time { return time.Time{} }
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Enqueued == nil {
		o.Enqueued = func(store.QueueName) {}
	}
	if o.Counted == nil {
		o.Counted = func(context.Context, string, []store.Count) {}
	}
	if o.Unreadable == nil {
		o.Unreadable = func(*UnreadableError) {}
	}
	changed := newChanges()
	o.Store = countedStore{o.Store, changed}
	r := &records{
		Options: o, sites: map[string]Site{}, sealer: sealer{o.Keyring}, limits: ratelimit.New(o.Store, o.Keyring),
		revisions: newRevisions(o.Sites, o.Now()),
	}
	r.notes = &notes{store: o.Store, now: o.Now, tell: o.Unreadable}
	var err error
	if r.statements, err = newStatements(o.Store, o.Now, o.Sites); err != nil {
		return nil, err
	}
	var ids []string
	for _, site := range o.Sites {
		r.sites[site.ID] = site
		for _, l := range slices.Concat(site.Terms.EmailsPerAddress, o.EmailsPerMailbox) {
			r.mailboxKept = max(r.mailboxKept, l.Per)
		}
		ids = append(ids, site.ID)
	}
	if r.links, err = token.NewSigner(o.Keyring, ids, o.PublicURL, o.FormerURLs...); err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	for i, public := range append([]*url.URL{o.PublicURL}, o.FormerURLs...) {
		for n := range o.Keyring.Len() {
			if i == 0 && n == 0 {
				continue
			}
			links, err := token.NewSigner(o.Keyring.Only(n), ids, public)
			if err != nil {
				return nil, fmt.Errorf("confirm: %w", err)
			}
			r.olderLinks = append(r.olderLinks, links)
		}
	}
	r.returnPaths = token.NewReturnPaths(o.Keyring, ids...)
	r.receipts = newReceipts(o, r.statements, ids)
	m := mailboxes{r}
	emails := &emailJobs{store: o.Store, sealer: r.sealer, changes: changed}
	return &Service{
		&Person{m}, &Website{m}, &Statistics{o.Store}, &Operator{m}, &Relay{m, emails}, &Clock{m}, &Log{m}, r,
	}, nil
}

// Sites returns the sites of the configuration.
func (s *Service) Sites() []Site { return s.records.Sites }

// Site finds a site by its id.
func (s *Service) Site(id string) (Site, bool) {
	site, ok := s.records.sites[id]
	return site, ok
}

// IDOf returns the id of the subscription that an address has at a site, or would have.
func (s *Service) IDOf(ctx context.Context, site string, a address.Address) (string, error) {
	key, err := s.records.locate(ctx, site, a)
	return key.ID, err
}

// SignupsPerDomain returns the quota of signups without a challenge for the domain of an address; none for a large
// provider's, or where emails to a domain have no limit.
func (s *Service) SignupsPerDomain(a address.Address) []ratelimit.Quota {
	return s.records.limits.SignupsPerDomain(a, s.records.EmailsPerDomain)
}

// PutStatements puts every statement that may be put to somebody into the store, so that what was shown can be shown
// again, word for word, after the configuration has changed, and notes since when the revisions of purposes hold. Call
// it when the store is first ready; calling it again does no harm.
func (s *Service) PutStatements(ctx context.Context) error {
	r := s.records
	if err := r.statements.putAll(ctx, r.Store); err != nil {
		return err
	}
	return r.revisions.note(ctx, r.Store, r.Now())
}

// ReadRevisions asks the store since when the revisions of purposes hold, for who changes nothing there: what it does
// not know holds since New.
func (s *Service) ReadRevisions(ctx context.Context) error {
	return s.records.revisions.read(ctx, s.records.Store)
}
