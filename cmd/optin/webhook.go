package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

const webhookUsage = `optin webhook is for the endpoints that websites receive events at (Standard Webhooks 1.0.0).

  optin webhook listen -secret whsec_…         receives events on this machine, verifies them and prints them
  optin webhook test   -config optin.yaml -site gazette [-url URL]
                                               sends a sample event, signed as real events are, and prints the outcome
  optin webhook failed -config optin.yaml [-site gazette]
                                               lists events that were not delivered and are not tried again
  optin webhook retry  -config optin.yaml [-site gazette] -all | ID…
                                               makes failed events due now, and enables their endpoints again

optin webhook COMMAND -h explains a command's flags.
`

// webhooks runs the subcommands of optin webhook.
func webhooks(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, webhookUsage)
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "listen":
		return webhookListen(ctx, rest, env, stdout, stderr)
	case "test":
		return webhookTest(ctx, rest, env, stdout, stderr)
	case "failed":
		return webhookFailed(ctx, rest, env, stdout, stderr)
	case "retry":
		return webhookRetry(ctx, rest, env, stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, webhookUsage)
		return exitOK
	default:
		fmt.Fprintf(stderr, "optin webhook: there is no command %q\n\n%s", name, webhookUsage)
		return exitUsage
	}
}

// maxEvent is the longest body that optin webhook listen reads, in bytes. Events are far shorter.
const maxEvent = 1 << 20

// webhookListen receives events for a developer. It verifies and prints them, and says precisely why it refuses one.
func webhookListen(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook listen", flag.ContinueOnError)
	addr := f.String("listen", "127.0.0.1:9000", "the `address` to listen at; port 0 picks one")
	var secrets []string
	f.Func("secret", "the endpoint's `secret`, whsec_… or whpk_…, or $NAME of a variable that has it; may be repeated",
		func(s string) error {
			secrets = append(secrets, s)
			return nil
		})
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	trust, err := parseTrust(secrets, env)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitUsage
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "Listening at http://%s/ for the events of a webhook with private: true. Ctrl-C stops.\n",
		l.Addr())
	server := web.HTTPServer("", &eventPrinter{trust: trust, out: stdout})
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitFailed
	}
	return exitOK
}

// parseTrust parses the secrets and public keys that events are verified with.
func parseTrust(secrets []string, env func(string) (string, bool)) (t webhook.Verifier, err error) {
	if len(secrets) == 0 {
		return t, errors.New("-secret is missing: the secret of the webhook in the configuration (whsec_…), or its " +
			"public key (whpk_…)")
	}
	for _, text := range secrets {
		if name, ok := strings.CutPrefix(text, "$"); ok {
			if text, ok = env(name); !ok {
				return t, fmt.Errorf("-secret names the variable %s, which is not set", name)
			}
		}
		if strings.HasPrefix(text, "whpk_") {
			key, err := config.ParseWebhookPublic(text)
			if err != nil {
				return t, fmt.Errorf("-secret %w", err)
			}
			t.Keys = append(t.Keys, key)
			continue
		}
		s, err := config.ParseWebhookSecret(text)
		if err != nil {
			return t, fmt.Errorf("-secret %w", err)
		}
		if s.Seed != nil {
			return t, errors.New("-secret is a private key (whsk_…): a receiver needs the public key (whpk_…)")
		}
		t.Secrets = append(t.Secrets, s.Symmetric)
	}
	return t, nil
}

// eventPrinter prints the events it receives.
type eventPrinter struct {
	trust webhook.Verifier
	mu    sync.Mutex
	out   io.Writer
	seen  map[string]bool // ids
}

// ServeHTTP answers 204 to a genuine event, and 401 with the reason to any other.
func (p *eventPrinter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "Events are sent by POST.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		http.Error(w, "The body cannot be read.", http.StatusBadRequest)
		return
	}
	now := time.Now()
	err = p.trust.Verify(r.Header, body, now)
	p.print(now, r.Header, body, err)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// print writes one line and, for a genuine event, its body. What a stranger sent is quoted, because some characters
// control terminals.
func (p *eventPrinter) print(now time.Time, h http.Header, body []byte, refused error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, id := now.Format(time.TimeOnly), h.Get(webhook.HeaderID)
	if refused != nil {
		fmt.Fprintf(p.out, "%s  REFUSED   %q  %v\n", at, id, refused)
		return
	}
	what := "genuine "
	if p.seen[id] {
		what = "repeated"
	} else if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[id] = true
	var event struct{ Type string }
	var pretty bytes.Buffer
	if json.Unmarshal(body, &event) != nil || json.Indent(&pretty, body, "", "  ") != nil {
		fmt.Fprintf(p.out, "%s  %s  %s  its body is not JSON: %q\n", at, what, id, body)
		return
	}
	fmt.Fprintf(p.out, "%s  %s  %s  %s\n%s\n", at, what, id, event.Type, pretty.Bytes())
}

// webhookTest sends a sample event that is about nobody, signed as real events are, to the endpoints of a site, and
// prints the outcome. It needs no store.
func webhookTest(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook test", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the site; may be left out if there is one")
	types := f.String("type", string(webhook.EventTest), "the `type` of the event, such as subscription.confirmed; "+
		"all: one of each")
	url := f.String("url", "", "the `URL` of the one endpoint to call, as in the configuration; all of the site "+
		"if left out")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	cfg, _, sites, err := siteConfig(*path, *site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if len(sites) > 1 {
		fmt.Fprintln(stderr, "optin webhook test: there are several sites; name one with -site")
		return exitUsage
	}
	samples := sampleEvents(cfg, sites[0], *types)
	if len(samples) == 0 {
		fmt.Fprintf(stderr, "optin webhook test: there is no event %q; -type all sends one of each\n", *types)
		return exitUsage
	}
	called, failed := 0, 0
	for _, w := range sites[0].Webhooks {
		if *url != "" && w.URL.String() != *url {
			continue
		}
		called++
		for _, event := range samples {
			if err := sendSampleEvent(ctx, event, w, stdout); err != nil {
				failed++
				fmt.Fprintln(stdout, "FAILED ", err)
			}
		}
	}
	switch {
	case called == 0:
		fmt.Fprintf(stderr, "optin webhook test: site %s has no such webhook in the configuration\n", sites[0].ID)
		return exitUsage
	case failed > 0:
		return exitFailed
	}
	return exitOK
}

// sampleEvents returns the sample of a type of event at a site, or of all if that is "all"; none for an unknown type.
func sampleEvents(cfg *config.Config, site config.Site, types string) (all []confirm.Event) {
	for _, t := range append([]consent.EventType{webhook.EventTest}, consent.EventTypes()...) {
		if types == "all" || types == string(t) {
			all = append(all, sampleEvent(cfg, site, t))
		}
	}
	return all
}

// sampleEvent returns an event as it would be about a person, who does not exist: its id begins with test_, that of the
// subscription is "test". One of EventTest is about nobody.
func sampleEvent(cfg *config.Config, site config.Site, is consent.EventType) confirm.Event {
	now := time.Now().UTC().Truncate(time.Millisecond)
	event := confirm.Event{ID: "test_" + rand.Text(), Type: is, At: now, Data: consent.Status{
		ID: "test", Site: site.ID, CreatedAt: now, Purposes: []consent.PurposeStatus{},
	}}
	state := consent.State(strings.TrimPrefix(string(is), "subscription."))
	switch is {
	case webhook.EventTest:
		return event
	case consent.EventErased:
		event.Data.State = state
		return event
	case consent.EventConfirmed:
		link := cfg.PublicURL.JoinPath("u", "test").String()
		event.Data.ConfirmedAt, event.Data.UnsubscribeURL = &now, &link
	}
	event.Data.Email, event.Data.State, event.Data.Locale = "someone@example.org", state, site.Locales[0]
	for _, p := range site.Purposes {
		text := p.Text[site.Locales[0]]
		sum := sha256.Sum256([]byte(text))
		event.Data.Purposes = append(event.Data.Purposes, consent.PurposeStatus{
			ID: p.ID, State: state, Since: now, Text: text, TextSHA256: hex.EncodeToString(sum[:]),
		})
	}
	return event
}

// newSender returns what calls an endpoint without a store.
func newSender(w config.Webhook) (*webhook.Sender, error) {
	return webhook.New(webhook.Options{
		Events: noEvents{}, Log: slog.New(slog.DiscardHandler), UserAgent: "optin/" + versionText(),
		Endpoint: webhookEndpoint(w),
	})
}

// sendSampleEvent calls one endpoint once.
func sendSampleEvent(ctx context.Context, event confirm.Event, w config.Webhook, stdout io.Writer) error {
	c, err := newSender(w)
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := c.Send(ctx, event)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ok      webhook: %s answered %d to event %s (%s) within %v\n", w.URL.Host, a.Status, event.ID,
		event.Type, a.Took.Round(time.Millisecond))
	return nil
}

// noEvents has no events in a store: the sample is sent as it is.
type noEvents struct{}

func (noEvents) Event(context.Context, store.Job) (confirm.Event, error) {
	return confirm.Event{}, errors.New("a sample is not in a store")
}

func (noEvents) Notified(context.Context, store.Job, confirm.Event, string) error {
	return errors.New("a sample is not in a store")
}

// webhookFailed lists failed events, one line each. It prints nobody's address.
func webhookFailed(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook failed", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the site; all if left out")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	c, sites, code := openForWebhooks(ctx, f.Name(), *path, *site, env, stderr)
	if c == nil {
		return code
	}
	defer c.store.Close()
	n, err := printFailed(ctx, c.endpoints, sites, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook failed:", err)
		return exitFailed
	}
	if n == 0 {
		fmt.Fprintln(stdout, "No event has failed.")
	}
	return exitOK
}

// printFailed prints a table page by page: a listing may be long. n is the number of events.
func printFailed(ctx context.Context, endpoints *webhook.Endpoints, sites []config.Site, w io.Writer) (n int,
	err error) {
	host := webhookHosts(sites)
	for _, s := range sites {
		for next, more := "", true; more; more = next != "" {
			var page []webhook.FailedDelivery
			if page, next, err = endpoints.Failed(ctx, s.ID, next, 100); err != nil {
				return n, err
			}
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, p := range page {
				if n++; n == 1 {
					fmt.Fprintln(t, "ID\tTYPE\tAGE\tHOST\tQUEUE")
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.ID, cmp.Or(string(p.Type), "(cannot be decrypted)"), age(p.At),
					host[p.Queue], p.Queue)
			}
			if err := t.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// age returns how long ago an event happened, in days if that is two or more.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := time.Since(at)
	if d >= 48*time.Hour {
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
	return d.Truncate(time.Minute).String()
}

// webhookRetry makes failed events due now: those of the given ids, or all.
func webhookRetry(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook retry", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the site; all if left out")
	all := f.Bool("all", false, "retry all failed events")
	ids, flags := splitIDs(args)
	others, code, ok := mixedFlags(f, flags, stderr)
	if !ok {
		return code
	}
	ids = append(ids, others...)
	if *all == (len(ids) > 0) {
		fmt.Fprintln(stderr, "optin webhook retry: say which: ids as optin webhook failed prints them, or -all")
		return exitUsage
	}
	c, sites, code := openForWebhooks(ctx, f.Name(), *path, *site, env, stderr)
	if c == nil {
		return code
	}
	defer c.store.Close()
	n, unknown, err := retryEvents(ctx, c.endpoints, sites, ids)
	fmt.Fprintf(stdout, "%d enqueued again. The running service sends them within a second or two.\n", n)
	for _, id := range unknown {
		fmt.Fprintf(stderr, "optin webhook retry: no failed event has the id %q\n", id)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook retry:", err)
	}
	if err != nil || len(unknown) > 0 {
		return exitFailed
	}
	return exitOK
}

// retryEvents retries the events of some ids, or all failed events if there are no ids. unknown are the ids that are
// not of a failed event of any site.
func retryEvents(ctx context.Context, endpoints *webhook.Endpoints, sites []config.Site, ids []string) (n int,
	unknown []string, err error) {
	all := len(ids) == 0
	for _, s := range sites {
		if all {
			m, _, err := endpoints.RetryAll(ctx, s.ID, math.MaxInt)
			if n += m; err != nil {
				return n, nil, err
			}
			continue
		}
		left, err := endpoints.Retry(ctx, s.ID, ids)
		if err != nil {
			return n, nil, err
		}
		n, ids = n+len(ids)-len(left), left
	}
	return n, ids, nil
}

// jobID is the form of a failed event's id. One in 64 begins with a hyphen, as flags do.
var jobID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}-[0-9]+$`)

// splitIDs separates ids from flags.
func splitIDs(args []string) (ids, flags []string) {
	for _, a := range args {
		if jobID.MatchString(a) {
			ids = append(ids, a)
		} else {
			flags = append(flags, a)
		}
	}
	return ids, flags
}

// openForWebhooks opens the store of a configuration for a command, and returns the sites that the command is about. If
// the core is nil, the command ends with the code, and the reason is printed.
func openForWebhooks(ctx context.Context, command, path, site string, env func(string) (string, bool),
	stderr io.Writer) (*core, []config.Site, int) {
	cfg, _, sites, err := siteConfig(path, site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	c, err := openCore(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin %s: %v\n", command, err)
		return nil, nil, exitFailed
	}
	return c, sites, exitOK
}

// webhookEndpoint converts a webhook of the configuration.
func webhookEndpoint(w config.Webhook) webhook.Endpoint {
	e := webhook.Endpoint{URL: w.URL, Private: w.Private}
	for _, s := range w.Secrets {
		e.Secrets = append(e.Secrets, s)
	}
	for _, s := range w.Keys {
		e.Keys = append(e.Keys, ed25519.NewKeyFromSeed(s))
	}
	return e
}

// webhookHosts returns the hosts of the endpoints of some sites, by queue.
func webhookHosts(sites []config.Site) map[store.QueueName]string {
	all := map[store.QueueName]string{}
	for _, s := range sites {
		for _, w := range s.Webhooks {
			all[webhook.Queue(s.ID, w.URL.String())] = w.URL.Host
		}
	}
	return all
}
