package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// otherBuild starts another build of the program: without HTTP/2, as the one that is released, where there is time to
// build it.
func (e *env) otherBuild(listen string) *process {
	e.t.Helper()
	if !isSoak() {
		return e.launch(listen)
	}
	program := filepath.Join(e.t.TempDir(), "optin")
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-ldflags", "-X main.version=other",
		"-o", program, ".")
	if said, err := build.CombinedOutput(); err != nil {
		e.t.Fatalf("%v: %s", err, said)
	}
	e.write(listen)
	return child(e.t, nil, program, "serve", "-config", e.configPath)
}

// signUpForOne signs somebody up for one of the site's purposes, however many it has.
func (a *actor) signUpForOne(email string) int {
	a.t.Helper()
	resp, err := http.Post(a.base+"/v1/sites/gazette/subscriptions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"consent":true,"locale":"en","purposes":["letter"]}`, email)))
	must(a.t, err)
	must(a.t, resp.Body.Close())
	return resp.StatusCode
}

// Two processes with other configurations: secrets in another order, as in a rotation, another public URL, other
// limits, one purpose more, fewer connections. People go from one to the other.
func TestTwoBuildsWithDifferentConfigurationsServeOneStore(t *testing.T) {
	const (
		newer  = "bmV3ZXItbmV3ZXItbmV3ZXItbmV3ZXItbmV3ZXItbmV3"
		offers = "      - id: offers\n        text: {fr: \"Recevoir les offres\", en: \"Receive the offers\"}\n"
	)
	onEachStore(t, func(t *testing.T, e *env) {
		e.endpoint = newEndpoint(t)
		e.siteYAML = e.endpoint.yaml()
		other, elsewhere := *e, childtest.FreeAddr(t)
		other.configPath = filepath.Join(t.TempDir(), "optin.yaml")
		secret, public := "secret: "+testSecret, "public_url: http://"+e.listen
		e.edits = []string{
			secret, "secret: [" + testSecret + ", " + newer + "]",
			public, public + "\nformer_urls: [http://" + elsewhere + "]",
		}
		other.edits = []string{
			secret, "secret: [" + newer + ", " + testSecret + "]",
			public, "public_url: http://" + elsewhere + "\nformer_urls: [http://" + e.listen + "]",
			"    limits: {", offers + "    limits: {",
			`"Receive the monthly letter"`, `"Get the monthly letter"`,
		}
		other.connections, other.perAddress = 1, "3/10m 9/24h"
		one, here := e.spawn(e.listen)
		two, there := other.otherBuild(elsewhere), e.actor(elsewhere)
		there.eventually("ready", func() bool { return there.status("/readyz") == http.StatusOK })
		both := []*actor{here, there}
		for i := range size(24, 400) {
			who := fmt.Sprintf("p%d@people.test", i)
			asked, pressed, left := both[i%2], both[i/2%2], both[i/4%2]
			if code := asked.signUpForOne(who); code != http.StatusAccepted {
				t.Fatalf("%s: %d", who, code)
			}
			link := confirmLink(here.Email(who))
			if code, state := pressed.Confirm(link); code != http.StatusOK || state != "confirmed" {
				t.Fatalf("%s: %d %q", who, code, state)
			}
			want := "confirmed"
			switch i % 3 {
			case 1:
				want = "withdrawn"
				if code := left.Withdraw(left.Lookup(who).UnsubscribeURL); code != http.StatusOK {
					t.Errorf("%s: withdrawing: %d", who, code)
				}
			case 2:
				want = "declined"
				if code, _ := left.Confirm(link + "/decline"); code != http.StatusOK {
					t.Errorf("%s: declining: %d", who, code)
				}
			}
			for _, a := range both {
				if got := a.Lookup(who).State; got != want {
					t.Errorf("%s is %q, not %s, at %s", who, got, want, a.base)
				}
			}
			if i == size(12, 200) { // one is put out of use and comes back
				if code := one.stop(); code != exitOK {
					t.Errorf("exit %d: %s", code, one.stderr)
				}
				one = e.launch(e.listen)
				here.eventually("ready", func() bool { return here.status("/readyz") == http.StatusOK })
			}
		}
		for i := range size(24, 400) {
			who := fmt.Sprintf("p%d@people.test", i)
			if n := e.emailsTo(who); n != 1 {
				t.Errorf("%s got %d emails", who, n)
			}
		}
		for _, p := range []*process{one, two} {
			if code := p.stop(); code != exitOK {
				t.Errorf("exit %d: %s", code, p.stderr)
			}
		}
	})
}
