package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/optin/optin/templates"
)

const demoUsage = `optin demo is all of it on this machine, to try: the service with two made-up sites,
a store in a temporary folder, and an inbox that takes its emails.

  optin demo [-empty]

Ctrl-C stops it and deletes everything.
`

// demo runs everything embedded: SQLite in a temporary folder, an inbox in the browser, two sites.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := newFlags("demo", demoUsage)
	addr := f.String("listen", "127.0.0.1:8080", "the `address` to listen at, on this machine only; port 0 picks one")
	verbose := f.Bool("v", false, "log every request and email")
	empty := f.Bool("empty", false, "begin with an empty store, and with nothing that is broken")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	if err := runDemo(ctx, demoOptions{*addr, *verbose, *empty}, stdout, stderr); err != nil {
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

// demoOptions are the flags of the demo.
type demoOptions struct {
	addr           string
	verbose, empty bool
}

func runDemo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) error {
	folder, err := os.MkdirTemp("", "optin-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if !loopback(o.addr) {
		return errLoopback
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("%w; -listen 127.0.0.1:0 picks a free port", err)
	}
	defer l.Close()
	pages, err := templates.New()
	if err != nil {
		return err
	}
	d, err := newDemoEnv(ctx, o.empty, l.Addr().String(), folder, pages)
	if err != nil {
		return err
	}
	defer d.close()
	level := slog.LevelError // that emails and events wait is what there is to see, and no news
	if o.verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	ask := "curl " + d.cfg.PublicURL.String() + "/v1/sites/demo/lookup \\\n" +
		"  -H 'Authorization: Bearer " + d.apiKey + "' \\\n" +
		"  -H 'Content-Type: application/json' -d '{\"email\":\"ada@example.org\"}'"
	tour, err := newTour(ask, d.password)
	if err != nil {
		return err
	}
	p, err := start(ctx, d.cfg, pages, log, extra{listener: l, noLookups: true, handlers: map[string]http.Handler{
		"": tour, "inbox": d.mail.Handler(),
	}})
	if err != nil {
		return err
	}
	if err := answers(ctx, d.cfg.PublicURL.JoinPath("readyz").String()); err != nil {
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
%[7]sCtrl-C stops the demo and deletes everything.
`, d.cfg.PublicURL, d.password, strings.ReplaceAll(ask, "\n", "\n  "), folder, d.mail.Addr(), d.file, d.says())
	return p.wait(ctx)
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
