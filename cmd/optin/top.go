package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/templates/dashboard"
)

const topUsage = `optin top shows whether confirmations flow, what is not as it should be, and what to do about it:
the first page of the dashboard, in a terminal. It looks again and again. The keys h, d, w and m choose the
last hour, day, week or month, and q or Ctrl-C ends it:

  optin top -config optin.yaml [-site gazette] [-of hour] [-every 2s]

Where it does not write to a terminal it writes once and ends; so does -json. It reads the store and asks the service on
this machine whether it is ready; and where emails wait, it asks the relays whether they take any.
`

// figure is a number beside that of the period before.
type figure struct {
	Now    int64 `json:"now"`
	Before int64 `json:"before"`
}

// backlog is what waits in a queue.
type backlog struct {
	Jobs   int     `json:"jobs"`
	Failed int     `json:"failed"`
	Late   float64 `json:"late_seconds"` // since the job that was due first has been due; 0: none is
}

// unusual is something that is not as it should be, and what to do about it.
type unusual struct {
	What string `json:"what"`
	Do   string `json:"do"`
}

// light says how one part of the service stands.
type light struct {
	Name  string `json:"name"`
	Light string `json:"light"` // good, warn or bad
	Word  string `json:"word"`
	Says  string `json:"says"`
}

// nowShown is what optin top shows.
type nowShown struct {
	At      time.Time          `json:"at"`
	Of      string             `json:"of"` // the period
	Flow    map[string]figure  `json:"flow"`
	Unusual []unusual          `json:"unusual"` // the worst first
	Lights  []light            `json:"lights"`
	Pending map[string]int     `json:"pending"` // by site; at most 100,000 are counted
	Queues  map[string]backlog `json:"queues"`

	page dashboard.Overview
}

// top is optin top.
func top(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newReading("top", topUsage, env, stdout, stderr).ofSites()
	every := c.flags.Duration("every", 2*time.Second, "how often it looks; at least 1s")
	of := c.flags.String("of", "hour", "the `period`: "+strings.Join(admin.Periods(), ", "))
	rest, code, ok := c.parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	case *every < time.Second:
		return c.fail(exitUsage, errors.New("-every takes 1s and more"))
	case !slices.Contains(admin.Periods(), *of):
		return c.fail(exitUsage, fmt.Errorf("-of takes one of %s", strings.Join(admin.Periods(), ", ")))
	}
	on, code := c.openSites(ctx)
	if on == nil {
		return code
	}
	defer on.store.Close()
	t := &topView{forSites: on}
	if to := terminal(stdout); to != nil && !c.json {
		if err := t.watch(ctx, to, *of, *every); err != nil {
			return c.fail(exitFailed, err)
		}
		return exitOK
	}
	now, err := t.now(ctx, *of)
	if err != nil {
		return c.fail(exitFailed, err)
	}
	return c.done(now, now.text(columns))
}

// topView is one call of optin top.
type topView struct {
	*forSites
	asked  time.Time // when the relays were asked last
	relays []unusual // what they said
}

// watch draws again and again, until a key or a signal ends it.
func (t *topView) watch(ctx context.Context, to *os.File, of string, every time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	keys := make(chan byte)
	if keyboard := terminal(os.Stdin); keyboard != nil {
		defer keyByKey(keyboard)()
		go func() {
			for key := make([]byte, 1); ; {
				n, err := keyboard.Read(key)
				if err != nil || n == 0 {
					return
				}
				if slices.Contains([]byte{'q', 'Q', ctrlC}, key[0]) {
					stop() // what is just being read, too
					return
				}
				keys <- key[0]
			}
		}()
	}
	s := newScreen(to)
	defer s.close()
	last := "q ends this. h d w m: the hour, day, week, month. It looks every " + every.String() + "."
	for tick := time.NewTicker(every); ; {
		now, err := t.now(ctx, of)
		if ctx.Err() != nil {
			return nil
		}
		draw := now.text
		if err != nil {
			draw = func(width int) string { return fold("It cannot be read: "+err.Error(), width) }
		}
		if err := s.draw(draw, last); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case key := <-keys:
			of = periodOfKey(key, of)
		}
	}
}

// ctrlC is what the key is where the terminal passes on every key.
const ctrlC = 3

// periodOfKey returns the period that a key chooses; the present one if it chooses none.
func periodOfKey(key byte, now string) string {
	for _, p := range admin.Periods() {
		if p[0] == key|0x20 {
			return p
		}
	}
	return now
}

// now reads what is shown.
func (t *topView) now(ctx context.Context, of string) (now nowShown, err error) {
	seen, err := admin.Look(ctx, t.dashboard(ctx), of)
	if err != nil {
		return now, err
	}
	n, b := seen.Counted, seen.Before
	now = nowShown{
		At: seen.Now.UTC(), Of: of, Unusual: []unusual{}, Lights: []light{}, Pending: map[string]int{},
		Queues: map[string]backlog{}, page: seen.Overview,
		Flow: map[string]figure{
			"signups": {n.Signups, b.Signups}, "emails": {n.Emails, b.Emails},
			"confirmations": {n.Confirmations, b.Confirmations}, "declines": {n.Declines, b.Declines},
			"expired": {n.Expired, b.Expired}, "undeliverable": {n.Undeliverable, b.Undeliverable},
		},
	}
	queues := t.queues()
	backlogs, err := t.store.Backlogs(ctx, queues...)
	if err != nil {
		return now, err
	}
	for i, b := range backlogs {
		q := now.Queues[queueLabel(queues[i])]
		q = backlog{q.Jobs + b.Jobs, q.Failed + b.Failed, max(q.Late, b.Late.Seconds())}
		now.Queues[queueLabel(queues[i])] = q
	}
	service := t.serviceLight(ctx)
	now.Lights = append(now.Lights, service, storeLight(seen.Store))
	if service.Light == "bad" {
		now.Unusual = append(now.Unusual, unusual{service.Name + ": " + service.Word + ".", service.Says})
	}
	down := t.relaysDown(ctx, now.Queues)
	now.Unusual = append(now.Unusual, down...)
	for _, u := range seen.Unusual {
		now.Unusual = append(now.Unusual, unusual{u.What, u.Do})
	}
	if s := seen.Store; s.Fault != "" { // the first of those, and the dashboard has this further below
		first := &now.Unusual[len(now.Unusual)-len(seen.Unusual)]
		first.Do = "This mends it: " + s.Fix
	}
	for _, l := range seen.Lights {
		if l.Name == "Emails" && len(down) == len(t.cfg.SMTP.Relays) {
			l.Light, l.Word, l.Says = "bad", "Held up", "No relay takes them."
		}
		now.Lights = append(now.Lights, light{l.Name, l.Light, l.Word, l.Says})
	}
	for _, id := range t.ids() {
		if now.Pending[id], err = t.store.InState(ctx, id, string(consent.Pending)); err != nil {
			return now, err
		}
	}
	return now, nil
}

// How often the relays are asked at most, and how long one may take.
const (
	askEvery  = 30 * time.Second
	askWithin = 3 * time.Second
)

// relaysDown returns what is wrong with the relays, if emails wait. They are asked as optin check asks them, and
// nothing is sent: what the running service knows of them is not in the store.
func (t *topView) relaysDown(ctx context.Context, queues map[string]backlog) []unusual {
	waiting := 0
	for name, q := range queues {
		if strings.HasPrefix(name, "email") {
			waiting += q.Jobs
		}
	}
	if waiting == 0 {
		return nil
	}
	if time.Since(t.asked) < askEvery {
		return t.relays
	}
	t.relays = nil
	for _, r := range t.cfg.SMTP.Relays {
		ctx, cancel := context.WithTimeout(ctx, askWithin)
		err := checkRelay(ctx, t.cfg, r, t.pages)
		cancel()
		if err != nil {
			words := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "mailer: ")), " ") + "."
			t.relays = append(t.relays, unusual{"The relay " + r.HostPort() + " takes no emails from here.", words})
		}
	}
	t.asked = time.Now()
	return t.relays
}

// serviceWithin is how long the running service may take to answer.
const serviceWithin = time.Second

// serviceLight asks the service that runs on this machine whether it is ready.
func (on *forSites) serviceLight(ctx context.Context) light {
	ctx, cancel := context.WithTimeout(ctx, serviceWithin)
	defer cancel()
	host, port, _ := net.SplitHostPort(on.cfg.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	at := net.JoinHostPort(host, port)
	status, body, err := getURL(ctx, "http://"+at+"/readyz")
	is := light{Name: "Service"}
	switch {
	case err == nil && status == http.StatusOK:
		is.Light, is.Word, is.Says = "good", "Ready", "It answers at "+at+"."
	case err == nil:
		is.Light, is.Word = "bad", "Not ready"
		is.Says = fmt.Sprintf("%s answers %d to /readyz: %s.", at, status, strings.TrimSpace(string(body)))
	default:
		is.Light, is.Word = "bad", "Does not answer"
		is.Says = "Nothing answers at " + at + ": start optin serve, or read in its log why it has ended."
		if on.cfg.Store.Scheme != "sqlite" {
			is.Light = "warn"
			is.Says += " It may run on another machine."
		}
	}
	return is
}

// storeLight says how the store stands.
func storeLight(s dashboard.Store) light {
	switch {
	case s.Unreachable:
		return light{"Store", "bad", "Unreachable", "Signups and confirmations are refused until it can be reached."}
	case s.Fault != "":
		return light{"Store", "bad", "Unsafe", "What is accepted now may be lost."}
	}
	return light{"Store", "good", "Ready", "What is accepted will last."}
}

// dashboard returns what the first page of the dashboard is made of, but for what only a running service knows.
func (on *forSites) dashboard(ctx context.Context) admin.Options {
	o := admin.Options{
		Service: on.service, Webhooks: on.endpoints, Endpoints: webhookHosts(on.sites), Store: on.store,
		RetryWaits: mailer.Waits(), Surging: on.surge.Surging, Now: time.Now,
		Ready: func() error {
			if err := on.identity.Check(ctx); err != nil {
				return err
			}
			return on.store.Ready(ctx)
		},
	}
	for _, s := range on.sites {
		o.Sites = append(o.Sites, admin.Site{ID: s.ID, Name: s.Name, HasEndpoints: len(s.Webhooks) > 0})
	}
	if on.cfg.Log.Path != "" {
		o.ConsentLog = func() (s consentlog.Status) {
			if backlogs, err := on.store.Backlogs(ctx, confirm.QueueLog); err == nil {
				s.Lag = backlogs[0].Late
			}
			s.Size, _ = consentlog.KnownTo(ctx, on.store) // a store that is away has failed above
			return s
		}
	}
	return o
}

// text writes it for people: first whether confirmations flow, then what is wrong.
func (now nowShown) text(width int) string {
	var b strings.Builder
	f := now.page.Flow
	fmt.Fprintf(&b, "optin, %s: the last %s, and %s\n", now.At.Format("2006-01-02 15:04:05 UTC"), now.Of, f.Before)
	b.WriteString(fold(now.summary(), width) + "\n\n")
	fmt.Fprintf(&b, "%-24s %8s %8s  %-11s %s\n", "", "NOW", "BEFORE", "OF SIGNUPS", "CHANGE")
	for _, r := range f.Rows {
		line := fmt.Sprintf("%-24s %8d %8d  %-11s %s", r.Label, r.N, r.Before, r.Rate, r.Change)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if f.Times.Median != "" {
		took := "Half confirmed within: " + dashboard.BucketInWords(f.Times.Median) + ". Nine of ten: " +
			dashboard.BucketInWords(f.Times.P90) + "."
		b.WriteString(fold(took, width) + "\n")
	}
	for _, u := range now.Unusual {
		b.WriteString("\n" + hanging("! ", u.What, width) + "\n" + fold("  "+u.Do, width) + "\n")
	}
	b.WriteByte('\n')
	for _, l := range now.Lights {
		b.WriteString(l.text(width) + "\n")
	}
	b.WriteByte('\n')
	for _, id := range slices.Sorted(maps.Keys(now.Pending)) {
		fmt.Fprintf(&b, "%-24s %8d\n", "Pending at "+id, now.Pending[id])
	}
	for _, j := range now.page.Jobs {
		fmt.Fprintf(&b, "%-24s %8s\n", j.Label, j.Value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// summary says in a sentence how all of it stands.
func (now nowShown) summary() string {
	switch n := len(now.Unusual); n {
	case 0:
		return now.watched()
	case 1:
		return "ONE THING IS NOT AS IT SHOULD BE."
	default:
		return fmt.Sprintf("%d THINGS ARE NOT AS THEY SHOULD BE.", n)
	}
}

// watched says that nothing is wrong, and what may become so.
func (now nowShown) watched() string {
	var names []string
	for _, l := range now.Lights {
		if l.Light == "warn" {
			names = append(names, l.Name)
		}
	}
	if len(names) == 0 {
		return "All is as it should be."
	}
	return "Nothing is wrong. To be watched: " + strings.Join(names, ", ") + "."
}

// text writes a light; what it says of what is bad stands among what is unusual.
func (l light) text(width int) string {
	says := l.Name + ": " + l.Word
	if l.Light != "bad" {
		says += ". " + l.Says
	}
	return hanging(map[string]string{"good": "ok   ", "warn": "warn ", "bad": "BAD  "}[l.Light], says, width)
}
