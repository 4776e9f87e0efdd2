package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// Condition is how the calls of an endpoint went, by all processes.
type Condition struct {
	Success time.Time // of the last event that it took; zero: it has not taken one
	Failing time.Time // since when none was taken; zero: the last call succeeded
	Oldest  time.Time // of the events that were not taken since Failing: when the oldest happened

	// The last call that failed: when, with which status (0: there was no answer), why in our words, and in its own:
	// the beginning of the answer, without addresses and the endpoint's own URL.
	Failed time.Time
	Status int
	Reason string
	Words  string
}

// Sealer seals and opens. *keyring.Keyring is one.
type Sealer interface {
	Seal(context string, plain []byte) []byte
	Open(context string, sealed []byte) ([]byte, error)
}

// How often what did not change is kept again, and for how long a condition is known.
const (
	noteEvery     = 20 * time.Second
	conditionKept = 90 * 24 * time.Hour
)

func conditionCell(queue store.QueueName) string { return "webhook-condition/" + string(queue) }

// noted is when this process has last kept how an endpoint stands, and what it said.
type noted struct {
	mu  sync.Mutex
	all map[store.QueueName]note
}

type note struct {
	at   time.Time
	said string
}

// isNew reports whether there is something to keep, and takes it as kept.
func (n *noted) isNew(queue store.QueueName, said string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[store.QueueName]note{}
	}
	last := n.all[queue]
	if last.said == said && now.Sub(last.at) < noteEvery {
		return false
	}
	n.all[queue] = note{now, said}
	return true
}

// Note keeps how a call of the event that happened at a time went: nil, or why it failed. Where the same comes again
// and again, it is kept every noteEvery. It is kept as well as can be: nothing depends on it but what operators see.
func (e *Endpoints) Note(ctx context.Context, queue store.QueueName, happened time.Time, failed *CallError) error {
	now, said := e.Now().UTC(), "ok"
	if failed != nil {
		said = failed.Reason + failed.Words
	}
	if e.Sealer == nil || !e.noted.isNew(queue, said, now) {
		return nil
	}
	for range casAttempts {
		value, is, err := e.condition(ctx, queue)
		if err != nil {
			return err
		}
		is.note(now, happened, failed)
		plain, err := json.Marshal(is)
		if err != nil {
			return err
		}
		sealed := e.Sealer.Seal(conditionCell(queue), plain)
		if value != nil {
			err = e.Cells.CompareAndSwap(ctx, conditionCell(queue), value, sealed, conditionKept)
		} else {
			var other []byte
			other, err = e.Cells.SetNX(ctx, conditionCell(queue), sealed, conditionKept)
			if err == nil && other != nil {
				err = store.ErrChanged
			}
		}
		if !errors.Is(err, store.ErrChanged) {
			return err
		}
	}
	return store.ErrChanged
}

// note takes in how a call went.
func (c *Condition) note(now, happened time.Time, failed *CallError) {
	if failed == nil {
		c.Success, c.Failing, c.Oldest = now, time.Time{}, time.Time{}
		return
	}
	if c.Failing.IsZero() {
		c.Failing = now
	}
	if c.Oldest.IsZero() || happened.Before(c.Oldest) {
		c.Oldest = happened
	}
	c.Failed, c.Status, c.Reason, c.Words = now, failed.Status, failed.Reason, failed.Words
}

// Condition returns how the calls of the endpoint of a queue went; the zero Condition if that is not known.
func (e *Endpoints) Condition(ctx context.Context, queue store.QueueName) (Condition, error) {
	if e.Sealer == nil {
		return Condition{}, nil
	}
	_, is, err := e.condition(ctx, queue)
	return is, err
}

func (e *Endpoints) condition(ctx context.Context, queue store.QueueName) (value []byte, is Condition, err error) {
	value, err = e.Cells.Get(ctx, conditionCell(queue))
	if err != nil || value == nil {
		return nil, is, err
	}
	plain, err := e.Sealer.Open(conditionCell(queue), value)
	if err == nil {
		err = json.Unmarshal(plain, &is)
	}
	if err != nil { // under a secret that is not configured any more: it begins anew
		return value, Condition{}, nil //nolint:nilerr // see above
	}
	return value, is, nil
}

// maxWords is how much of an answer is kept for operators, in bytes.
const maxWords = 200

// readWords is how much of an answer is read for them, markup included.
const readWords = 4 * maxWords

// wordsOf returns the beginning of an answer as one line of text: without markup, and without what looks like an
// address, however it is escaped, or is of the endpoint's URL, since an endpoint may repeat what it was told.
func wordsOf(body []byte, endpoint *url.URL) string {
	if len(body) >= readWords { // the last word may be cut
		body = body[:max(0, bytes.LastIndexAny(body, " \t\r\n"))]
	}
	secrets := secretsOf(endpoint)
	said := html.UnescapeString(strings.ReplaceAll(strings.ToValidUTF8(string(body), "\uFFFD"), `\u0040`, "@"))
	var b strings.Builder
	inTag := false
	for i, r := range said {
		switch {
		case r == '<' && beginsTag(said[i+1:]):
			inTag = true
			b.WriteByte(' ')
		case r == '>' && inTag:
			inTag = false
		case inTag:
		case r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	words := strings.Fields(b.String())
	for i, w := range words {
		if strings.ContainsAny(w, "@") || strings.Contains(w, "%40") || slices.ContainsFunc(secrets, inWord(w)) {
			words[i] = "…"
		}
	}
	text := strings.Join(words, " ")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return text
}

// secretsOf returns what of a URL may be secret: its path, and what of its path, query and login is long enough.
func secretsOf(u *url.URL) (all []string) {
	parts := append(strings.Split(u.Path, "/"), strings.Split(u.EscapedPath(), "/")...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	password, _ := u.User.Password()
	for _, part := range append(parts, password, u.User.Username()) {
		if len(part) >= 8 {
			all = append(all, part)
		}
	}
	if len(u.Path) > 1 {
		all = append(all, u.Path, u.EscapedPath())
	}
	return all
}

// inWord returns a function that reports whether a word has a part, in whatever case.
func inWord(word string) func(part string) bool {
	word = strings.ToLower(word)
	return func(part string) bool { return strings.Contains(word, strings.ToLower(part)) }
}

// beginsTag reports whether what follows a < makes it the beginning of a tag or comment, and not a sign in a sentence.
func beginsTag(rest string) bool {
	return rest != "" && (strings.ContainsRune("/!?", rune(rest[0])) || 'a' <= rest[0]|0x20 && rest[0]|0x20 <= 'z')
}
