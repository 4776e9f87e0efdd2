package confirm

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// Options are what a Service needs. Store, Ring, PublicURL and Sites are required.
type Options struct {
	Store            store.Store
	Keyring          *keyring.Keyring
	PublicURL        string // links are built from this and nothing else
	Sites            []Site
	EmailsPerMailbox []store.Limit         // letters to one mailbox over all sites; none: as many as the sites allow
	Emails           []store.Limit         // letters of all sites together; none: as many as the sites have
	Now              func() time.Time      // time.Now if nil
	Rand             io.Reader             // crypto/rand.Reader if nil
	Enqueued         func(store.QueueName) // called after something was committed that is owed now; may be nil
}

// Service carries acts out on a store. Its methods may be called from any goroutine; each is atomic. What a store answers
// (store.ErrUnavailable above all) comes back as it is, wrapped.
type Service struct {
	Options
	sites       map[string]Site
	weather     map[string]*weather // by site
	vault       vault
	links       *token.Signer
	returnPaths *token.ReturnPaths
	texts       sync.Map // sum -> text
	kept        sync.Map // sum -> time.Time: when the store was last asked to keep a text
}

// New makes a Service, or says what is missing.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Keyring == nil || len(o.Sites) == 0 {
		return nil, errors.New("confirm: a store, a keyring and a site are required")
	}
	if u, err := url.Parse(o.PublicURL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("confirm: the public URL %q is not absolute", o.PublicURL)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Enqueued == nil {
		o.Enqueued = func(store.QueueName) {}
	}
	s := &Service{Options: o, sites: map[string]Site{}, weather: map[string]*weather{}, vault: vault{o.Keyring}, links: token.NewSigner(o.PublicURL, o.Keyring)}
	var ids []string
	for _, site := range o.Sites {
		ids = append(ids, site.ID)
	}
	s.returnPaths = token.NewReturnPaths(o.Keyring, ids...)
	for _, site := range o.Sites {
		s.sites[site.ID], s.weather[site.ID] = site, &weather{}
		for _, p := range site.Purposes {
			for _, text := range p.Text {
				s.texts.Store(textSum(text), text)
			}
		}
	}
	return s, nil
}

// Site finds a site by its id.
func (s *Service) Site(id string) (Site, bool) {
	site, ok := s.sites[id]
	return site, ok
}

// PutTexts puts every text that may be shown into the store, so that what was shown can be shown again, word for word, whatever the
// configuration says by then. It is to be called as soon as the store answers, and does no harm when it is called again.
func (s *Service) PutTexts(ctx context.Context) error {
	for _, site := range s.Sites {
		for _, p := range site.Purposes {
			for _, text := range p.Text {
				if err := s.Store.PutText(ctx, textSum(text), []byte(text)); err != nil {
					return fmt.Errorf("keep the text of purpose %s of site %s: %w", p.ID, site.ID, err)
				}
			}
		}
	}
	return nil
}

// text is the text of a sum: of the configuration, or as it was kept.
func (s *Service) text(ctx context.Context, sum string) (string, error) {
	if t, ok := s.texts.Load(sum); ok {
		return t.(string), nil
	}
	b, err := s.Store.Text(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("confirm: the store has lost the text %s", sum) // the record is there: not "not found"
	}
	if err != nil {
		return "", err
	}
	s.texts.Store(sum, string(b))
	return string(b), nil
}

// word fills in the words of texts.
func (s *Service) word(ctx context.Context, purposes []consent.PurposeStatus) (err error) {
	for i := range purposes {
		if purposes[i].Text, err = s.text(ctx, purposes[i].TextSHA256); err != nil {
			return err
		}
	}
	return nil
}

// nonce is n random bytes as base64url.
func (s *Service) nonce(n int) string {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.Rand, b); err != nil {
		panic(err) // without randomness there is no service
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// locate is the key under which an address at a site is, or would be, kept. A record made under an older secret stays where it is; a
// bare refusal there (the person pressed "this was not me" in a letter about which all was forgotten) moves to the newest key, so that
// it meets whatever has come there since.
func (s *Service) locate(ctx context.Context, site string, a address.Address) (store.Key, error) {
	keys := s.vault.keys(site, a)
	for _, older := range keys[1:] {
		sub, err := s.get(ctx, older)
		switch {
		case err != nil:
			return store.Key{}, err
		case sub.Created.IsZero(), sub.MovedTo != "":
		case sub.Declined == nil || !sub.Address.IsZero():
			return older, nil
		default:
			if _, err := s.act(ctx, keys[0], deed{Action: consent.Decline{Site: site, Evidence: *sub.Declined}}); err != nil {
				return store.Key{}, err
			}
			if _, err := s.act(ctx, older, deed{Action: consent.Move{To: keys[0].ID}}); err != nil {
				return store.Key{}, err
			}
		}
	}
	return keys[0], nil
}

// get is the subscription under a key; a zero one if nothing is known.
func (s *Service) get(ctx context.Context, key store.Key) (consent.Subscription, error) {
	r, err := s.Store.Find(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return consent.Subscription{}, err
	}
	return s.vault.open(r)
}
