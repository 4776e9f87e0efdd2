package webhook_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/conntest"
	"github.com/optin/optin/internal/webhook"
)

// canary listens on every address of this machine, where no call may come, and counts the connections.
func canary(t *testing.T) (port string, touched *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	touched = &atomic.Int32{}
	conntest.Serve(t, l, func(net.Conn) { touched.Add(1) })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, touched
}

// inside are ways to write an address of this machine, or a name that leads to it.
var inside = []struct {
	host  string
	knows []string // what the resolver says of a name
}{
	{host: "127.0.0.1"}, {host: "127.1.2.3"}, {host: "0.0.0.0"}, {host: "[::1]"}, {host: "[::]"}, {host: "localhost"},
	{host: "[::ffff:127.0.0.1]"}, {host: "[::ffff:7f00:1]"}, {host: "[0:0:0:0:0:ffff:127.0.0.1]"},
	{host: "[::127.0.0.1]"},
	{host: "[64:ff9b::127.0.0.1]"}, {host: "[2002:7f00:1::]"}, {host: "[fe80::1%25lo]"}, {host: "[::1%25lo]"},
	{"2130706433", []string{"127.0.0.1"}}, {"0x7f000001", []string{"127.0.0.1"}},
	{"017700000001", []string{"127.0.0.1"}},
	{"0x7f.1", []string{"127.0.0.1"}}, {"0177.0.0.1", []string{"127.0.0.1"}}, {"127.1", []string{"127.0.0.1"}},
	{"①②⑦.0.0.1", []string{"127.0.0.1"}}, {"localhost.", []string{"127.0.0.1"}},
	{"inside.example", []string{"127.0.0.1"}}, {"inside.example", []string{"::1"}}, {"inside.example",
		[]string{"0.0.0.0"}},
	{"inside.example", []string{"::ffff:127.0.0.1"}}, {"inside.example", []string{"127.0.0.1", "::1", "127.0.0.2"}},
}

func TestNoAddressInsideIsCalled(t *testing.T) {
	port, touched := canary(t)
	for _, in := range inside {
		s := sender(t, webhook.Options{
			Endpoint: webhook.Endpoint{URL: parseURL("https://" + in.host + ":" + port + "/hook")},
			Resolver: names(t, in.knows...), Timeout: 5 * time.Second,
		})
		if r := s.Run(t.Context(), job); r.Err == nil {
			t.Errorf("%s %v: delivered", in.host, in.knows)
		}
		if n := touched.Swap(0); n != 0 {
			t.Errorf("%s %v: touched", in.host, in.knows)
		}
	}
}

func TestARefusedAddressIsNamedAsTheReason(t *testing.T) {
	port, _ := canary(t)
	for _, host := range []string{"127.0.0.1", "inside.example", "[::ffff:127.0.0.1]"} {
		s := sender(t, webhook.Options{Endpoint: webhook.Endpoint{URL: parseURL("https://" + host + ":" + port)},
			Resolver: names(t, "127.0.0.1")})
		if r := s.Run(t.Context(), job); r.Err == nil || !strings.Contains(r.Err.Error(), "not a public one") {
			t.Errorf("%s: %+v", host, r)
		}
	}
}

func TestAPrivateEndpointReachesWhatAPublicOneMayNot(t *testing.T) {
	port, touched := canary(t)
	for _, host := range []string{"127.0.0.1", "inside.example", "0x7f.1", "[::ffff:127.0.0.1]"} {
		o := private("https://" + host + ":" + port)
		o.Resolver = names(t, "127.0.0.1")
		if r := sender(t, o).Run(t.Context(), job); r.Err == nil {
			t.Errorf("%s: the canary took a call", host)
		}
		// The call has failed because the canary hung up, and it counts before it does.
		if touched.Swap(0) == 0 {
			t.Fatalf("%s: the canary was not touched, so it proves nothing", host)
		}
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	const child = "OPTIN_TEST_PROXY" // net/http reads the environment once in a process, so the call is made in another
	if os.Getenv(child) == "" {
		port, touched := canary(t)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=30s")
		cmd.Env = append(os.Environ(), child+"=1", "NO_PROXY=", "no_proxy=")
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
			cmd.Env = append(cmd.Env, name+"=http://127.0.0.1:"+port)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if touched.Load() != 0 {
			t.Error("the proxy was touched")
		}
		return
	}
	r := answering(t, 200)
	_, at, _ := net.SplitHostPort(r.Listener.Addr().String())
	o := private("http://receiver.example:" + at) // by name, for a proxy is never asked for the loopback
	o.Resolver = names(t, "127.0.0.1")
	delivered(t, sender(t, o))
}
