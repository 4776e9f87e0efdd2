package web

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/internal/origin"
)

// What needs a real browser: another website's page, its policy, and what a browser makes of our headers.

// neighbours are a website and optin, each on a port of its own.
type neighbours struct {
	*env
	ours string // optin's origin
	site string // the website's origin
}

// newNeighbours starts both. The website is a static file server with a strict policy; files are by path, and OPTIN in
// them is our origin. change is told the website's origin.
func newNeighbours(t *testing.T, policy string, files map[string]string,
	change func(o *Options, site string)) *neighbours {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	n := &neighbours{ours: "http://" + l.Addr().String()}
	website := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNoContent) // such as for its icon
			return
		}
		w.Header().Set("Content-Security-Policy", strings.ReplaceAll(policy, "OPTIN", n.ours))
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		} else {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		_, _ = w.Write([]byte(strings.ReplaceAll(text, "OPTIN", n.ours)))
	}))
	t.Cleanup(website.Close)
	n.site = website.URL
	n.env = newEnv(t, func(o *Options) {
		o.PublicURL = parseURL(n.ours)
		g := o.Sites["gazette"]
		g.Origins, g.Redirects = []origin.Origin{origin.Origin(n.site)}, []*url.URL{parseURL(n.site + "/")}
		o.Sites["gazette"] = g
		if change != nil {
			change(o, n.site)
		}
	})
	server := &httptest.Server{Listener: l, Config: HTTPServer("", n.web.echo)}
	server.Start()
	t.Cleanup(server.Close)
	return n
}

// link is an email's link on our own port.
func (n *neighbours) link() string { return n.ours + n.path(n.email().Confirm) }

// person is a tab of a browser of its own, and what its console says.
type person struct {
	*testing.T
	tab context.Context

	mu      sync.Mutex
	console []string
}

// newPerson starts Chromium, with more flags, which dies with the test; see browsertest.Tab.
func newPerson(t *testing.T, more ...chromedp.ExecAllocatorOption) *person {
	t.Helper()
	p := &person{T: t}
	p.tab = browsertest.Tab(t, p.hear, more...)
	return p
}

// hear records what a console would show: words of scripts, exceptions, and what the browser itself complains of.
func (p *person) hear(ev any) {
	said := ""
	switch ev := ev.(type) {
	case *devlog.EventEntryAdded:
		if !strings.HasSuffix(ev.Entry.URL, "/favicon.ico") { // which a browser asks for by itself
			said = string(ev.Entry.Source) + ": " + ev.Entry.Text
		}
	case *runtime.EventConsoleAPICalled:
		for _, a := range ev.Args {
			said += string(a.Value)
		}
	case *runtime.EventExceptionThrown:
		said = "exception: " + ev.ExceptionDetails.Text
	}
	if said != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.console = append(p.console, said)
	}
}

// heard are the console's words since it was asked last.
func (p *person) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.console, "\n")
	p.console = nil
	return all
}

func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	browsertest.Do(p, p.tab, steps...)
}

// withoutScripts is what NoScript does, and some browsers by their settings.
func (p *person) withoutScripts() {
	p.Helper()
	_, err := chromedp.Call(p.tab, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	must(p, err)
}

// ask evaluates an expression in the page.
func ask[T any](p *person, expression string) T {
	answer, _ := chromedp.Run(p.tab, chromedp.Evaluate[T](expression)) // while the page is changing it answers nothing
	return answer
}

// until polls for something that must become true of the page.
func (p *person) until(expression string) {
	p.Helper()
	for end := time.Now().Add(10 * time.Second); !ask[bool](p, expression); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("not within ten seconds: %s\nat %s\nconsole: %s\n%s", expression, ask[string](p, "location.href"),
				p.heard(),
				ask[string](p, "document.body.innerText"))
		}
	}
}
