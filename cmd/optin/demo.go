package main

import (
	"context"
	"crypto/rand"
	_ "embed" // the configuration
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/templates"
)

//go:embed demo.yaml
var demoConfig []byte

// demo runs everything embedded: SQLite in a temporary folder, an inbox in the browser, one site.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	addr := f.String("listen", "127.0.0.1:8080", "where to listen, on this machine only; port 0 picks one")
	verbose := f.Bool("v", false, "log every request and email")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	if err := runDemo(ctx, *addr, *verbose, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "optin demo:", err)
		if errors.Is(err, errLoopback) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// errLoopback says that the demo is for this machine only: it speaks plain HTTP, and everybody who reaches it can read
// its inbox.
var errLoopback = errors.New("-listen must be an address of this machine alone, such as 127.0.0.1:8080")

// loopback reports whether only this machine can reach an address, host:port.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func runDemo(ctx context.Context, addr string, verbose bool, stdout, stderr io.Writer) error {
	folder, err := os.MkdirTemp("", "optin-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if !loopback(addr) {
		return errLoopback
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; -listen 127.0.0.1:0 picks a free port", err)
	}
	defer l.Close()
	mail, err := openInbox()
	if err != nil {
		return err
	}
	defer mail.Close()
	pages, err := templates.New()
	if err != nil {
		return err
	}
	apiKey, password := random(24), random(6)
	// The configuration is a file, so that operators' commands work beside the demo.
	file := filepath.Join(folder, "optin.yaml")
	text := os.Expand(string(demoConfig), func(name string) string {
		return map[string]string{
			"LISTEN": l.Addr().String(), "RELAY": mail.Addr(), "DATABASE": filepath.Join(folder, "optin.db"),
			"SECRET": random(32), "API_KEY": apiKey, "ADMIN_PASSWORD": password,
		}[name]
	})
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cfg, err := config.Load(file, lookup(nil), pages.Languages()...)
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	ask := "curl " + cfg.PublicURL.String() + "/v1/sites/demo/lookup \\\n" +
		"  -H 'Authorization: Bearer " + apiKey + "' \\\n" +
		"  -H 'Content-Type: application/json' -d '{\"email\":\"ada@example.org\"}'"
	tour, err := newTour(ask, password)
	if err != nil {
		return err
	}
	p, err := start(ctx, cfg, pages, log, extra{listener: l, noLookups: true, handlers: map[string]http.Handler{
		"": tour, "inbox": mail.Handler(),
	}})
	if err != nil {
		return err
	}
	if err := answers(ctx, cfg.PublicURL.JoinPath("readyz").String()); err != nil {
		p.stop()
		return err
	}
	fmt.Fprintf(stdout, `%[1]s/s/demo    sign up here
%[1]s/inbox     the email arrives here
%[1]s/admin     the operators' dashboard; the password is %[2]s
%[1]s/docs      every call, with an example
%[1]s/          leads through all of it

For operators, in another terminal:

  optin top -config %[6]s

What a website asks before it sends anything to anybody:

  %[3]s

Ready: the service answers at %[1]s, its store is SQLite in %[4]s,
and a mail server at %[5]s takes every email and passes none on. An address gets one email in ten minutes.
Ctrl-C stops the demo and deletes everything.
`, cfg.PublicURL, password, strings.ReplaceAll(ask, "\n", "\n  "), folder, mail.Addr(), file)
	return p.wait(ctx)
}

// sampleRelay is where the sample configuration sends its emails. The demo takes them there, so that a new site can be
// tried before there is a relay.
const sampleRelay = "127.0.0.1:2525"

// openInbox opens the inbox of the demo: at sampleRelay, or at any port if that one is taken.
func openInbox() (*inbox.Inbox, error) {
	options := []inbox.Option{inbox.SignUpAt("/s/demo"), inbox.Icon(templates.AssetPath("favicon.svg"))}
	if mail, err := inbox.Open(sampleRelay, options...); err == nil {
		return mail, nil
	}
	return inbox.Open("127.0.0.1:0", options...)
}

// answersWithin is how long the demo may take until it is ready: a second, on a machine with nothing else to do.
const answersWithin = 30 * time.Second

// answers waits until a GET of a running service's own address is answered with 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	var last error // that a GET is cut off by the end of ctx says less than the answer before
	for {
		status, body, err := getURL(ctx, url)
		switch {
		case err == nil && status == http.StatusOK:
			return nil
		case err == nil:
			last = fmt.Errorf("%d %s", status, body)
		case last == nil || ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not become ready: GET %s: %w", url, errors.Join(last, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lookup returns a function that looks up variables in a map.
func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
}

// random returns n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}
