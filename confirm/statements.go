package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/store"
)

// putEvery is how often the store is given a statement that it should have: after a store has lost everything, it has
// the statement again by then.
const putEvery = time.Minute

// statements are those that may be put to somebody now, and those that were once, by their hashes. The store keeps them
// all.
type statements struct {
	store  store.Texts
	now    func() time.Time
	made   map[statementKey]madeStatement
	known  sync.Map // hash -> statement.Document
	stored sync.Map // hash -> time.Time of the last put
}

// statementKey says what a statement is about.
type statementKey struct{ site, purpose, locale string }

// madeStatement is a statement as it is put to people now.
type madeStatement struct {
	revision  int
	sum       string
	canonical []byte
}

// newStatements makes the statements of all sites, purposes and languages.
func newStatements(s store.Texts, now func() time.Time, sites []Site) (*statements, error) {
	all := &statements{store: s, now: now, made: map[statementKey]madeStatement{}}
	for _, site := range sites {
		for _, p := range site.Purposes {
			for locale := range p.Text {
				doc := site.Statement(p, locale)
				canonical, sum, err := doc.Canonical()
				if err != nil {
					return nil, fmt.Errorf("confirm: purpose %s of site %s: %w", p.ID, site.ID, err)
				}
				all.made[statementKey{site.ID, p.ID, locale}] = madeStatement{p.Revision, sum, canonical}
				all.known.Store(sum, doc)
			}
		}
	}
	return all, nil
}

// putAll has the store keep all statements that may be put to somebody, and since when.
func (t *statements) putAll(ctx context.Context, cells store.Cells) error {
	for of, m := range t.made {
		put := t.put(ctx, m)
		_, noted := noteSince(ctx, cells, sinceName(m.sum), t.now())
		if err := errors.Join(put, noted); err != nil {
			return fmt.Errorf("purpose %s of site %s: %w", of.purpose, of.site, err)
		}
	}
	return nil
}

// of returns the statement about a purpose in a language, once the store keeps it; ErrPurpose if there is none.
func (t *statements) of(ctx context.Context, site, purpose, locale string) (consent.Statement, error) {
	m, ok := t.made[statementKey{site, purpose, locale}]
	if !ok {
		return consent.Statement{}, fmt.Errorf("%w: %q in %q", ErrPurpose, purpose, locale)
	}
	return consent.Statement{Purpose: purpose, Revision: m.revision, SHA256: m.sum}, t.put(ctx, m)
}

// put makes sure that a statement is in the store before a record names its hash.
func (t *statements) put(ctx context.Context, m madeStatement) error {
	now := t.now()
	if at, ok := t.stored.Load(m.sum); ok && now.Sub(at.(time.Time)).Abs() < putEvery {
		return nil
	}
	if err := t.store.PutText(ctx, m.sum, m.canonical); err != nil {
		return fmt.Errorf("confirm: store a statement: %w", err)
	}
	t.stored.Store(m.sum, now)
	return nil
}

// errUnknownStatement says that a statement has to be read from the store first.
type errUnknownStatement string

func (e errUnknownStatement) Error() string {
	return "confirm: the statement " + string(e) + " was not read yet"
}

// read returns a statement that was read before or is put to people now; errUnknownStatement for any other. It asks no
// store, and so may be called within an Update.
func (t *statements) read(sum string) (statement.Document, error) {
	if doc, ok := t.known.Load(sum); ok {
		return doc.(statement.Document), nil
	}
	return statement.Document{}, errUnknownStatement(sum)
}

// document returns the statement with a hash. It returns store.ErrNotFound where the store has none.
func (t *statements) document(ctx context.Context, sum string) (statement.Document, error) {
	if doc, ok := t.known.Load(sum); ok {
		return doc.(statement.Document), nil
	}
	b, err := t.store.Text(ctx, sum)
	if err != nil {
		return statement.Document{}, err
	}
	if is := sha256.Sum256(b); hex.EncodeToString(is[:]) != sum {
		return statement.Document{}, fmt.Errorf("%w: the statement %s is damaged", store.ErrNotFound, sum)
	}
	doc, err := statement.Parse(b)
	if err != nil {
		// Another text that is kept by its hash.
		return statement.Document{}, fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	t.known.Store(sum, doc)
	return doc, nil
}

// fill fills in the words of purposes.
func (t *statements) fill(ctx context.Context, purposes []consent.PurposeStatus) error {
	for i := range purposes {
		doc, err := t.document(ctx, purposes[i].TextSHA256)
		if errors.Is(err, store.ErrNotFound) {
			// Not wrapped: the record was found.
			return fmt.Errorf("confirm: the store has lost the statement %s", purposes[i].TextSHA256)
		}
		if err != nil {
			return err
		}
		purposes[i].Text = doc.Text
	}
	return nil
}

// fillKnown is fill for what goes on without the words of a statement that the store has lost: its hash stands there.
func (t *statements) fillKnown(ctx context.Context, purposes []consent.PurposeStatus) error {
	for i := range purposes {
		doc, err := t.document(ctx, purposes[i].TextSHA256)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		purposes[i].Text = doc.Text
	}
	return nil
}

// sinceName returns the name of the cell that says since when a text is put to people.
func sinceName(sum string) string { return "text-since:" + sum }

// sinceKept is how long that is remembered.
const sinceKept = 100 * 365 * 24 * time.Hour

// noteSince has a cell say from now on that something is there, unless it does already, and returns since when.
func noteSince(ctx context.Context, cells store.Cells, name string, now time.Time) (since time.Time, err error) {
	since = now.UTC().Truncate(time.Second)
	before, err := cells.SetNX(ctx, name, []byte(since.Format(time.RFC3339)), sinceKept)
	if err == nil && before != nil {
		since, err = time.Parse(time.RFC3339, string(before))
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("confirm: note since when something is there: %w", err)
	}
	return since, nil
}

// readSince returns since when; zero if the cell does not say.
func readSince(ctx context.Context, cells store.Cells, name string) (time.Time, error) {
	at, err := cells.Get(ctx, name)
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(at))
}

// KeepSkeleton keeps what the emails of one kind have in common, by its hash, and since when.
func (s *Service) KeepSkeleton(ctx context.Context, sum string, data []byte) error {
	if err := s.records.Store.PutText(ctx, sum, data); err != nil {
		return err
	}
	_, err := noteSince(ctx, s.records.Store, sinceName(sum), s.records.Now())
	return err
}

// TextSince returns since when the statement, or the skeleton of emails, with a hash is put to people; zero if that is
// not known.
func (s *Service) TextSince(ctx context.Context, sum string) (time.Time, error) {
	return readSince(ctx, s.records.Store, sinceName(sum))
}

// StatementSum returns the hash of what is put to people about a purpose in a language now; empty if there is none.
func (s *Service) StatementSum(site, purpose, locale string) string {
	return s.records.statements.made[statementKey{site, purpose, locale}].sum
}

// Statement returns what was put to people under a hash, and its canonical JSON, whose hash it is; store.ErrNotFound.
func (s *Service) Statement(ctx context.Context, sum string) (doc statement.Document, canonical []byte, err error) {
	if doc, err = s.records.statements.document(ctx, sum); err != nil {
		return statement.Document{}, nil, err
	}
	if canonical, err = s.records.Store.Text(ctx, sum); errors.Is(err, store.ErrNotFound) {
		canonical, _, err = doc.Canonical() // one that nobody has been shown yet
	}
	return doc, canonical, err
}
