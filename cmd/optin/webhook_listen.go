package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
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

// maxHook is the longest body that optin webhook listen reads, in bytes: events are far shorter.
const maxHook = 1 << 20

// webhookListen receives events for a developer: it verifies them, prints them, and says precisely why it refuses one.
func webhookListen(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook listen", flag.ContinueOnError)
	addr := f.String("listen", "127.0.0.1:9000", "the `address` to listen at; port 0 picks one")
	var given []string
	f.Func("secret", "the endpoint's `secret`, whsec_… or whpk_…, or $NAME of a variable that holds it; may come again", func(s string) error {
		given = append(given, s)
		return nil
	})
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	trust, err := trusted(given, env)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitUsage
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "Listening at http://%s/ for the events of a webhook with private: true. Ctrl-C stops.\n", l.Addr())
	server := web.HTTPServer("", &listener{trust: trust, out: stdout})
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(stderr, "optin webhook listen:", err)
		return exitFailed
	}
	return exitOK
}

// trusted reads secrets and public keys.
func trusted(given []string, env func(string) (string, bool)) (t webhook.Trust, err error) {
	if len(given) == 0 {
		return t, errors.New("-secret is missing: the secret of the webhook in the configuration (whsec_…), or its public key (whpk_…)")
	}
	for _, text := range given {
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
			return t, errors.New("-secret is a private key (whsk_…): a receiver is given the public one (whpk_…)")
		}
		t.Secrets = append(t.Secrets, s.Symmetric)
	}
	return t, nil
}

// listener prints what it is sent.
type listener struct {
	trust webhook.Trust
	mu    sync.Mutex
	out   io.Writer
	seen  map[string]bool // ids
}

// ServeHTTP answers 204 to what is genuine, and 401 with the reason to what is not.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "Events come by POST.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, "The body cannot be read.", http.StatusBadRequest)
		return
	}
	now := time.Now()
	err = l.trust.Verify(r.Header, body, now)
	l.print(now, r.Header, body, err)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// print writes one line and, of what is genuine, the body. What a stranger sent is quoted, for terminals obey some characters.
func (l *listener) print(now time.Time, h http.Header, body []byte, refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, id := now.Format(time.TimeOnly), h.Get(webhook.HeaderID)
	if refused != nil {
		fmt.Fprintf(l.out, "%s  REFUSED   %q  %v\n", at, id, refused)
		return
	}
	what := "genuine "
	if l.seen[id] {
		what = "repeated"
	} else if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[id] = true
	var event struct{ Type string }
	var pretty bytes.Buffer
	if json.Unmarshal(body, &event) != nil || json.Indent(&pretty, body, "", "  ") != nil {
		fmt.Fprintf(l.out, "%s  %s  %s  its body is not JSON: %q\n", at, what, id, body)
		return
	}
	fmt.Fprintf(l.out, "%s  %s  %s  %s\n%s\n", at, what, id, event.Type, pretty.Bytes())
}
