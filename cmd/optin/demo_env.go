package main

import (
	"context"
	_ "embed" // the configuration
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/templates"
)

//go:embed demo.yaml
var demoConfig []byte

// sampleRelay is where the sample configuration sends its emails. The demo takes them there, so that a new site can be
// tried before there is a relay.
const sampleRelay = "127.0.0.1:2525"

// openInbox opens the inbox of the demo: at sampleRelay, or at any port if that one is taken.
func openInbox(more ...inbox.Option) (*inbox.Inbox, error) {
	if mail, err := openInboxAt(sampleRelay, more...); err == nil {
		return mail, nil
	}
	return openInboxAt("127.0.0.1:0", more...)
}

func openInboxAt(addr string, more ...inbox.Option) (*inbox.Inbox, error) {
	return inbox.Open(addr, append(more, inbox.SignUpAt("/s/demo"), inbox.Icon(templates.AssetPath("favicon.svg")))...)
}

// demoEnv is what is around the service in a demo: its mail server, the endpoints of a website, and, unless it is to
// be empty, a past.
type demoEnv struct {
	cfg              *config.Config
	file             string // of the configuration
	mail             *inbox.Inbox
	apiKey, password string
	empty            bool
	endpoints        []*http.Server
}

// newDemoEnv opens what is around a service that is to listen at an address, with its configuration and its store in
// a folder, and lives its past through.
func newDemoEnv(
	ctx context.Context, empty bool, listen, folder string, pages *templates.Set,
) (d *demoEnv, err error) {
	until, clock := time.Now(), new(movedClock)
	d = &demoEnv{
		file: filepath.Join(folder, "optin.yaml"), apiKey: random(24), password: random(6), empty: empty,
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	stuck := inbox.Refuse(demoRefusals(until.Add(-stuckFor), clock.now))
	if empty {
		stuck = inbox.Refuse(func(string) *inbox.Refusal { return nil })
	}
	if d.mail, err = openInbox(stuck); err != nil {
		return d, err
	}
	newsroom, err := d.endpoint(func() bool { return true })
	if err != nil {
		return d, err
	}
	crm, err := d.endpoint(func() bool { return clock.now().Before(until.Add(-crmDownFor)) })
	if err != nil {
		return d, err
	}
	err = d.configure(map[string]string{
		"LISTEN": listen, "RELAY": d.mail.Addr(), "DATABASE": filepath.Join(folder, "optin.db"), "SECRET": random(32),
		"API_KEY": d.apiKey, "ADMIN_PASSWORD": d.password, "NEWSROOM": newsroom, "CRM": crm,
		"WEBHOOK_SECRET": "whsec_" + base64.StdEncoding.EncodeToString([]byte(random(24))),
	}, pages.Languages())
	if err != nil || empty {
		return d, err
	}
	clock.to(until.AddDate(0, 0, -pastDays-1))
	if err := livePast(ctx, d.cfg, pages, d.mail, clock, until); err != nil {
		return d, err
	}
	// A new inbox, whose first email is that of the first signup.
	if err := d.mail.Close(); err != nil {
		return d, err
	}
	d.mail, err = openInboxAt(d.mail.Addr(), stuck)
	return d, err
}

// configure writes the configuration. It is a file, so that operators' commands work beside the demo.
func (d *demoEnv) configure(variables map[string]string, languages []string) (err error) {
	var lines []string
	for line := range strings.Lines(string(demoConfig)) {
		if !d.empty || !strings.Contains(line, "${CRM}") {
			lines = append(lines, line)
		}
	}
	text := os.Expand(strings.Join(lines, ""), func(name string) string { return variables[name] })
	if err = os.WriteFile(d.file, []byte(text), 0o600); err == nil {
		d.cfg, err = config.Load(d.file, lookup(nil), languages...)
	}
	return err
}

// endpoint opens an endpoint of a website, and returns its address. It takes events while it is up.
func (d *demoEnv) endpoint(up func() bool) (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := web.HTTPServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20))
		if !up() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "The customer database is being moved. Nobody has said until when.")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	go func() { _ = s.Serve(l) }() // until close
	d.endpoints = append(d.endpoints, s)
	return l.Addr().String(), nil
}

// says is what the demo says of what is not as it should be.
func (d *demoEnv) says() string {
	if d.empty {
		return ""
	}
	return `The dashboard shows two made-up months: a domain whose mail servers are full, an endpoint that is down, and
a form that is abused just now. -empty begins without.
`
}

func (d *demoEnv) close() {
	for _, s := range d.endpoints {
		_ = s.Close()
	}
	if d.mail != nil {
		_ = d.mail.Close()
	}
}
