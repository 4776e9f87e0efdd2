// Package identity knows which store this is, and whether it is the one that it should be.
//
// A store has a mark: an id, the time of its birth, and a fingerprint of every secret that its data was made with. The
// mark is written once, when a process first meets an empty store. Every process knows the id from then on: in its
// memory, and beside its configuration for the next start. So these are told apart:
//
//   - The mark is missing though an id is known: the store has lost its data. Nothing is right that it answers.
//   - Another mark is there: it is another store, or one that was begun after a loss.
//   - A restore has begun and not ended: most of what was there may be missing yet.
//   - None of the configured secrets is among the fingerprints: nobody would be found, and every refusal forgotten.
//
// Until an operator has restored the data, or said that the loss is known (Accept), the store is refused as a whole.
package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// Identity is what a mark says.
type Identity struct {
	ID    string    `json:"id"`
	Born  time.Time `json:"born"` // links issued before may lead to records that were lost
	After []string  `json:"after,omitempty"`
	// Restoring is when a restore began that has not ended: what is there is only a part.
	Restoring time.Time `json:"restoring,omitzero"`
	Secrets   []Secret  `json:"secrets"`
}

// Secret is one that data of the store was made with.
type Secret struct {
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
}

// Mismatch says that the store is not the one that it should be. It wraps a *store.UnsafeError.
type Mismatch struct {
	Secret bool // the store is right, and none of the configured secrets is
	unsafe *store.UnsafeError
}

func (m *Mismatch) Error() string { return m.unsafe.Error() }

// Unwrap returns the *store.UnsafeError.
func (m *Mismatch) Unwrap() error { return m.unsafe }

// errUnchecked is what Err returns until Check has met the store.
var errUnchecked = errors.New("identity: it is not known yet which store this is")

// Options are what a Keeper needs. Store and Fingerprints are required.
type Options struct {
	Store        store.Marks
	Fingerprints []string      // of the configured secrets, the newest first
	Known        Known         // the store that an earlier process has met; zero: none is known
	Remember     func(k Known) // called with the store that was met, if something else was known; may be nil
	Now          func() time.Time
}

// Known is what a process knows of the store beside its configuration.
type Known struct {
	ID     string    `json:"id"`
	Born   time.Time `json:"born"`
	Newest time.Time `json:"newest,omitzero"` // how new its data was
}

// rememberEvery is how often it is remembered how new the data is.
const rememberEvery = 10 * time.Second

// Keeper checks a store. Its methods may be called from any goroutine.
type Keeper struct {
	Options
	mu        sync.Mutex // of Check, Accept and the restore
	restoring bool       // by this process
	state     atomic.Pointer[state]
}

// state is what the last Check that met the store has found.
type state struct {
	is  Identity
	err error
}

// New returns a Keeper that has not met the store yet.
func New(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Remember == nil {
		o.Remember = func(Known) {}
	}
	k := &Keeper{Options: o}
	k.state.Store(&state{err: errUnchecked})
	return k
}

// Err returns nil if the store was the right one when Check last met it: the error for which it must be refused
// otherwise.
func (k *Keeper) Err() error { return k.state.Load().err }

// linkDay is how exactly links know when they end.
const linkDay = 24 * time.Hour

// LostBefore returns the time before which links were issued that lead to what was lost: the birth of a store that was
// begun after a loss. Of any other nothing is known to be lost, so a link must be older by a day, since links know
// their end to a day only.
func (k *Keeper) LostBefore() time.Time {
	is := k.state.Load().is
	if len(is.After) > 0 || is.Born.IsZero() {
		return is.Born
	}
	return is.Born.Add(-linkDay)
}

// Missing returns a sentence about each secret that the store's data was made with and that is not configured any more.
func (k *Keeper) Missing() (all []string) {
	for _, s := range k.state.Load().is.Secrets {
		if !slices.Contains(k.Fingerprints, s.Fingerprint) {
			all = append(all, fmt.Sprintf("the secret %s, in use since %s, is not configured any more: who signed up "+
				"while it was the first cannot be found without it", s.Fingerprint, day(s.Since)))
		}
	}
	return all
}

// Check looks whether the store is the right one, marks it if it has no data and no other is known, and adds the
// fingerprints of new secrets to its mark. It returns nil, a *Mismatch, or an error of the store.
func (k *Keeper) Check(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	is, err := k.check(ctx, true)
	return k.keep(is, err)
}

// Inspect is Check, but changes nothing.
func (k *Keeper) Inspect(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	is, err := k.check(ctx, false)
	return k.keep(is, err)
}

// keep keeps what was found, unless nothing was.
func (k *Keeper) keep(is Identity, err error) error {
	if err == nil || errors.As(err, new(*Mismatch)) {
		k.state.Store(&state{is, err})
	}
	return err
}

func (k *Keeper) check(ctx context.Context, write bool) (Identity, error) {
	mark, whole, err := k.Store.Mark(ctx)
	if err != nil {
		return Identity{}, err
	}
	if mark == nil {
		return k.unmarked(ctx, write)
	}
	is, err := read(mark)
	switch {
	case err != nil:
		return is, err
	case k.Known.ID != "" && k.Known.ID != is.ID && !slices.Contains(is.After, k.Known.ID):
		return is, k.another(is)
	case !is.Restoring.IsZero() && !k.restoring:
		return is, k.halfRestored(is)
	case !whole && k.Known.ID != "":
		return is, k.lost("missing in a part, because a master of the Cluster has lost its data")
	}
	next, err := k.withSecrets(ctx, is)
	if err != nil || !write {
		return is, err
	}
	if !whole || len(next.Secrets) != len(is.Secrets) || !k.knows(is) {
		if err := k.Store.SetMark(ctx, mark, next.mark()); err != nil {
			return is, err
		}
		is = next
	}
	k.remember(is)
	return is, nil
}

// knows reports whether all configured secrets are in the mark.
func (k *Keeper) knows(is Identity) bool {
	return !slices.ContainsFunc(k.Fingerprints, func(f string) bool { return !is.has(f) })
}

// withSecrets returns an identity with the fingerprints of all configured secrets, or a *Mismatch if it knows none of
// them and there is data.
func (k *Keeper) withSecrets(ctx context.Context, is Identity) (Identity, error) {
	if !slices.ContainsFunc(k.Fingerprints, is.has) {
		switch empty, err := k.Store.Empty(ctx); {
		case err != nil:
			return is, err
		case !empty:
			return is, k.wrongSecret(is)
		}
		is.Secrets = nil // nothing was made with them
	}
	is.Secrets = slices.Clone(is.Secrets)
	for _, f := range k.Fingerprints {
		if !is.has(f) {
			is.Secrets = append(is.Secrets, Secret{f, k.Now().UTC().Truncate(time.Second)})
		}
	}
	return is, nil
}

// unmarked handles a store without a mark: a new one, or one that lost its data.
func (k *Keeper) unmarked(ctx context.Context, write bool) (Identity, error) {
	if k.Known.ID != "" {
		return Identity{}, k.lost("missing, because the store has lost its data")
	}
	empty, err := k.Store.Empty(ctx)
	if err != nil || !write {
		return Identity{}, err
	}
	is := k.begin()
	if !empty { // made before there were marks
		is.Born = time.Time{}
	}
	return is, k.put(ctx, nil, is)
}

// begin returns the identity of a store that begins now.
func (k *Keeper) begin() Identity {
	is, _ := k.withSecrets(context.Background(), Identity{
		ID: rand.Text()[:16], Born: k.Now().UTC().Truncate(time.Second),
		Secrets: []Secret{{k.Fingerprints[0], k.Now().UTC().Truncate(time.Second)}},
	})
	return is
}

// put marks the store. Where another process was quicker, the next Check finds its mark.
func (k *Keeper) put(ctx context.Context, old []byte, is Identity) error {
	err := k.Store.SetMark(ctx, old, is.mark())
	if errors.Is(err, store.ErrChanged) {
		return fmt.Errorf("%w: another process marks the store at this moment", store.ErrUnavailable)
	}
	if err == nil {
		k.remember(is)
	}
	return err
}

// remember remembers the store that was met, and every few seconds how new its data is.
func (k *Keeper) remember(is Identity) {
	met := Known{is.ID, is.Born, k.Store.Newest()}
	same := met.ID == k.Known.ID && met.Born.Equal(k.Known.Born)
	if !same || met.Newest.Sub(k.Known.Newest).Abs() >= rememberEvery {
		k.Known = met
		k.Remember(met)
	}
}

// Close remembers how new the data of the store is, for the next process, if the store was the right one.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	newest := k.Store.Newest()
	if last := k.state.Load(); last.err == nil && last.is.ID == k.Known.ID && !newest.Equal(k.Known.Newest) {
		k.Known.Newest = newest
		k.Remember(k.Known)
	}
}

// Accept makes the store the one that is known, after a loss that an operator knows of: it begins now, in the place of
// the one that was known. What was issued before leads to what was lost. Where only the mark was lost, it is put back.
// It returns a sentence about what was done.
func (k *Keeper) Accept(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.accept(ctx, time.Time{})
}

// BeginRestore is Accept for a store that is filled from now on: until EndRestore, every other process refuses it, and
// so they go on doing if this one dies. It may be called again then.
func (k *Keeper) BeginRestore(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.restoring = true
	_, err := k.accept(ctx, k.Now().UTC().Truncate(time.Second))
	return err
}

// EndRestore says that the store has everything that was restored.
func (k *Keeper) EndRestore(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.accept(ctx, time.Time{})
	k.restoring = err != nil
	return err
}

func (k *Keeper) accept(ctx context.Context, restoring time.Time) (string, error) {
	mark, whole, err := k.Store.Mark(ctx)
	if err != nil {
		return "", err
	}
	empty, err := k.Store.Empty(ctx)
	if err != nil {
		return "", err
	}
	is, done := k.begin(), ""
	switch {
	case mark == nil && k.Known.ID == "":
		done = "no store was known here, so nothing was lost; the store is marked as a new one"
	case mark == nil && !empty:
		is.ID, is.Born = k.Known.ID, k.Known.Born
		done = "the store holds records and only its mark was missing; it is marked again as the store " + is.ID
	case mark == nil:
		is.After = []string{k.Known.ID}
		done = "the store begins anew, in the place of " + k.Known.ID + ", which is lost"
	default:
		there, err := read(mark)
		if err != nil {
			return "", err
		}
		known := k.Known.ID == "" || k.Known.ID == there.ID || slices.Contains(there.After, k.Known.ID)
		if known && whole && there.Restoring.IsZero() && restoring.IsZero() {
			return "there is nothing to accept: the store " + there.ID + " is the one that is known", nil
		}
		now := is.Born
		if is = there; !whole {
			is.Born = now
		}
		if !known {
			is.After = append(slices.Clone(there.After), k.Known.ID)
		}
		done = "the store " + is.ID + " is accepted as it is; what is missing in it is lost"
	}
	is.Restoring = restoring
	if err := k.put(ctx, mark, is); err != nil {
		return "", err
	}
	return done, k.keep(is, nil)
}

func (k *Keeper) lost(have string) error {
	return &Mismatch{unsafe: &store.UnsafeError{
		Setting: "the mark of the store", Have: have, Want: "that of " + k.Known.ID + ", begun on " + day(k.Known.Born),
		Fix: "restore the data from a copy; or if it is lost for good, say so: " +
			"optin store accept-empty -config optin.yaml",
	}}
}

func (k *Keeper) halfRestored(is Identity) error {
	return &Mismatch{unsafe: &store.UnsafeError{
		Setting: "the mark of the store", Want: "that of a whole store",
		Have: "that of a restore which began at " + is.Restoring.Format(time.RFC3339) + " and has not ended",
		Fix: "let it end; or if it was stopped, run it again, and it goes on where it was: " +
			"optin restore -config optin.yaml",
	}}
}

func (k *Keeper) another(is Identity) error {
	return &Mismatch{unsafe: &store.UnsafeError{
		Setting: "the mark of the store", Have: "that of " + is.ID + ", begun on " + day(is.Born),
		Want: "that of " + k.Known.ID + ", begun on " + day(k.Known.Born),
		Fix: "let store name the one that is known, or restore its data; or if this one takes its place, say so: " +
			"optin store accept-empty -config optin.yaml",
	}}
}

func (k *Keeper) wrongSecret(is Identity) error {
	var with []string
	for _, s := range is.Secrets {
		with = append(with, s.Fingerprint+" (since "+day(s.Since)+")")
	}
	return &Mismatch{Secret: true, unsafe: &store.UnsafeError{
		Setting: "secret", Have: strings.Join(k.Fingerprints, ", ") + ", which no data here was made with",
		Want: "one that the data was made with, " + strings.Join(with, ", "),
		Fix: "delete nothing, the data is whole: put the former secret back, and to change it list both, " +
			"secret: [new, former]",
	}}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format(time.DateOnly)
}

func (is Identity) has(fingerprint string) bool {
	return slices.ContainsFunc(is.Secrets, func(s Secret) bool { return s.Fingerprint == fingerprint })
}

func (is Identity) mark() []byte {
	b, err := json.Marshal(is)
	if err != nil {
		panic(err) // our own type
	}
	return b
}

func read(mark []byte) (is Identity, err error) {
	d := json.NewDecoder(bytes.NewReader(mark))
	if err := d.Decode(&is); err != nil || is.ID == "" {
		return is, &Mismatch{unsafe: &store.UnsafeError{
			Setting: "the mark of the store", Have: "not readable", Want: "as optin wrote it",
			Fix: "let store name a store of optin's, with nothing else in it",
		}}
	}
	return is, nil
}
