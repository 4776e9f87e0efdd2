package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/optin/optin/internal/openapi/contract"
)

// maxHeld is how many bytes of a body are held against the description. Of a longer one, as an export may be, status and headers are.
const maxHeld = 1 << 20

// contracted holds every answer that comes by it against openapi.yaml. It is the default transport of all tests, so that none can forget it.
type contracted struct {
	*http.Transport
	found *breaches
}

// breaches are answers that are not as described. Each is told once, to the test that speaks to its host.
type breaches struct {
	mu     sync.Mutex
	tests  map[string]testing.TB // by host:port
	told   map[string]bool
	nobody []string // of hosts that no test claims
}

func newBreaches() *breaches {
	return &breaches{tests: map[string]testing.TB{}, told: map[string]bool{}}
}

// holding runs tests with their answers held, and answers their exit code.
func holding(run func() int) int {
	own, found := http.DefaultTransport, newBreaches()
	http.DefaultTransport = contracted{own.(*http.Transport), found}
	defer func() { http.DefaultTransport = own }()
	return found.exit(os.Stderr, run())
}

// exit makes an exit code a failure if something was found that no test was told of, and says what.
func (b *breaches) exit(to io.Writer, code int) int {
	for _, wrong := range b.nobody {
		fmt.Fprintln(to, wrong)
		code = max(code, 1)
	}
	return code
}

// held lets another transport hold its answers as the default one does.
func held(by *http.Transport) contracted {
	return contracted{by, http.DefaultTransport.(contracted).found}
}

// claim lets a test be told of what is wrong with the answers of a host.
func claim(t testing.TB, host string) { http.DefaultTransport.(contracted).found.claim(t, host) }

func (c contracted) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.Transport.RoundTrip(r)
	target := r.URL.RequestURI()
	if err != nil || contract.Operation(r.Method, target) == nil {
		return resp, err
	}
	body, broken := io.ReadAll(io.LimitReader(resp.Body, maxHeld+1))
	rest := io.Reader(resp.Body)
	if broken != nil {
		rest = iotest.ErrReader(broken) // which is what the test is to see
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), resp.Body}
	whole := body
	if broken != nil || len(body) > maxHeld {
		whole = nil
	}
	for _, wrong := range contract.Answer(r.Method, target, resp.StatusCode, resp.Header, whole) {
		c.found.tell(r.URL.Host, wrong, fmt.Sprintf("%s %s: %s\n%.1000s", r.Method, target, wrong, body))
	}
	return resp, nil
}

// tell tells what is wrong once for a host.
func (b *breaches) tell(host, wrong, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told[host+wrong] {
		return
	}
	b.told[host+wrong] = true
	if t := b.tests[host]; t != nil {
		t.Error(text)
		return
	}
	b.nobody = append(b.nobody, text)
}

// claim lets a test be told of the answers of a host until it ends.
func (b *breaches) claim(t testing.TB, host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tests[host] == t {
		return
	}
	b.tests[host] = t
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.tests[host] == t {
			delete(b.tests, host)
		}
	})
}
