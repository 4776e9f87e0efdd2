package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
)

// maxEvent is the longest body that optin webhook listen reads, in bytes. Events are far shorter.
const maxEvent = 1 << 20

// webhookListen receives events for a developer. It verifies and prints them, and says precisely why it refuses one.
func webhookListen(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := newFlags("webhook listen", webhookUsage)
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
