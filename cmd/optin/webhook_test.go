package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/webhook"
)

// runWebhook runs optin webhook and returns what it printed.
func runWebhook(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	if got := run(t.Context(), append([]string{"webhook"}, args...), lookup(nil), &out, &errs); got != want {
		t.Fatalf("optin webhook %v: exit %d, want %d: %s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// writeWithWebhook writes the configuration with one webhook.
func (e *env) writeWithWebhook(url, secret string) {
	e.t.Helper()
	e.siteYAML = "    webhooks: [{url: \"" + url + "\", secret: " + secret + ", private: true}]\n"
	if err := os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func TestFailedEventsAreListedAndRetried(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		var fixed atomic.Bool
		var accepted atomic.Int32
		hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if !fixed.Load() {
				rw.WriteHeader(http.StatusGone)
				return
			}
			accepted.Add(1)
		}))
		defer hook.Close()
		e.writeWithWebhook(hook.URL, hookSecret)
		a := e.start()
		if out, _ := e.optin(exitOK, "failed"); out != "No event has failed.\n" {
			t.Fatalf("printed %s", out)
		}
		for _, who := range []string{"ada@example.org", "bob@example.org"} {
			a.SignUp(who)
			a.Confirm(confirmLink(a.Email(who)))
		}
		var out string
		a.eventually("both have failed", func() bool {
			out, _ = e.optin(exitOK, "failed", "-site", "gazette")
			return strings.Count(out, "subscription.confirmed") == 2
		})
		if strings.Contains(out, "example.org") || !strings.Contains(out, strings.TrimPrefix(hook.URL, "http://")) {
			t.Errorf("printed %s", out)
		}
		fixed.Store(true)
		id := strings.Fields(strings.Split(out, "\n")[1])[0]
		if out, errs := e.optin(exitRefused, "retry", id, "no-such-id"); errs != "" ||
			!strings.HasPrefix(out, "1 enqueued again.") || !strings.HasSuffix(out, "has the id no-such-id.\n") {
			t.Errorf("printed %s and %s", out, errs)
		}
		a.eventually("the one that was asked for is accepted", func() bool { return accepted.Load() == 1 })
		// The same commands, where somebody looks for them who has a webhook in mind.
		if out, _ = e.optin(exitOK, "webhook", "failed"); strings.Count(out, "subscription.confirmed") != 1 {
			t.Errorf("printed %s", out)
		}
		out, _ = e.optin(exitOK, "webhook", "retry", "-all")
		if !strings.HasPrefix(out, "1 enqueued again.") {
			t.Errorf("printed %s", out)
		}
		a.eventually("the other one is accepted", func() bool { return accepted.Load() == 2 })
		e.optin(exitOK, "failed")
	})
}

// startListen starts optin webhook listen with a secret and returns its address and what it prints.
func startListen(t *testing.T, secret string) (url string, out *childtest.Buffer) {
	t.Helper()
	out = new(childtest.Buffer)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	env := func(string) (string, bool) { return secret, true }
	go func() {
		done <- run(ctx, []string{"webhook", "listen", "-listen", "127.0.0.1:0", "-secret", "$SECRET"}, env, out,
			io.Discard)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != exitOK {
			t.Errorf("exit %d", code)
		}
	})
	address := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/`)
	(&actor{t: t}).eventually("an address", func() bool { url = address.FindString(out.String()); return url != "" })
	return url, out
}

func TestASampleEventIsSignedAsRealEventsAre(t *testing.T) {
	key := "whsk_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	for name, c := range map[string]struct{ sends, knows string }{
		"with a secret":            {hookSecret, hookSecret},
		"with a key":               {key, public},
		"while the secret changes": {"[whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX, " + hookSecret + "]", hookSecret},
		"with a secret and a key":  {"[" + hookSecret + ", " + key + "]", public},
	} {
		t.Run(name, func(t *testing.T) {
			url, out := startListen(t, c.knows)
			e := newEnv(t, "sqlite:///nowhere/optin.db") // no store is needed
			e.writeWithWebhook(url, c.sends)
			printed, _ := runWebhook(t, exitOK, "test", "-config", e.configPath, "-site", "gazette", "-url", url)
			ok := regexp.MustCompile(`^ok      webhook: 127\.0\.0\.1:\d+ answered 204 to event ` +
				`test_\w+ \(webhook\.test\) within \S+\n$`)
			if !ok.MatchString(printed) {
				t.Errorf("test printed %s", printed)
			}
			genuine := regexp.MustCompile(`(?m)  genuine   test_\w+  webhook\.test\n\{\n  "type": "webhook\.test",$`)
			if !genuine.MatchString(out.String()) {
				t.Errorf("listen printed %s", out.String())
			}
			_, body, _ := strings.Cut(out.String(), "  webhook.test\n")
			for _, wrong := range contract.CheckEvent([]byte(body)) {
				t.Errorf("against openapi.yaml: %s\n%s", wrong, body)
			}
		})
	}
}

func TestASampleOfEveryTypeIsAsOpenAPISays(t *testing.T) {
	url, out := startListen(t, hookSecret)
	e := newEnv(t, "sqlite:///nowhere/optin.db")
	e.writeWithWebhook(url, hookSecret)
	printed, _ := runWebhook(t, exitOK, "test", "-config", e.configPath, "-type", "all")
	if n := strings.Count(printed, "answered 204"); n != 1+len(consent.EventTypes()) {
		t.Errorf("%d events were sent:\n%s", n, printed)
	}
	bodies := regexp.MustCompile(`(?m)^\{\n(?:.*\n)*?\}$`).FindAllString(out.String(), -1)
	if len(bodies) != 1+len(consent.EventTypes()) {
		t.Errorf("%d bodies came:\n%s", len(bodies), out.String())
	}
	for _, body := range bodies {
		for _, wrong := range contract.CheckEvent([]byte(body)) {
			t.Errorf("against openapi.yaml: %s\n%s", wrong, body)
		}
	}
	printed, _ = runWebhook(t, exitOK, "test", "-config", e.configPath, "-type", "subscription.withdrawn")
	if strings.Count(printed, "answered 204") != 1 || !strings.Contains(printed, "(subscription.withdrawn)") {
		t.Errorf("one type: %s", printed)
	}
	_, refused := runWebhook(t, exitUsage, "test", "-config", e.configPath, "-type", "subscription.started")
	if !strings.Contains(refused, `there is no event "subscription.started"; -type takes all, or one of [webhook.test `+
		`subscription.confirmed subscription.declined`) {
		t.Errorf("an unknown type: %s", refused)
	}
}

func TestCheckLooksWhetherEndpointsCanBeReached(t *testing.T) {
	open := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(open.Close)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	for name, row := range map[string]struct {
		url     string
		private bool
		says    string
	}{
		"it is there":            {open.URL + "/hook", true, "ok     webhook"},
		"nobody listens":         {"http://" + childtest.FreeAddr(t), true, "connection refused"},
		"an untrusted authority": {untrusted.URL, true, "certificate"},
		"not a public address":   {untrusted.URL, false, "needs private: true"},
		"no such host":           {"https://nowhere.invalid/", false, "WRONG  webhook"},
	} {
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := config.ParseWebhookSecret(hookSecret)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		f := &findings{out: &out}
		f.checkWebhooks(t.Context(), []config.Site{{ID: "gazette", Webhooks: []config.Webhook{{
			URL: u, Private: row.private, Secrets: []config.Secret{secret.Symmetric},
		}}}})
		if !strings.Contains(out.String(), row.says) || (f.wrong > 0) != strings.Contains(out.String(), "WRONG") {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

func TestListenSaysWhyItRefusesAnEvent(t *testing.T) {
	url, out := startListen(t, hookSecret)
	e := newEnv(t, "sqlite:///nowhere/optin.db")
	e.writeWithWebhook(url, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
	printed, _ := runWebhook(t, exitFailed, "test", "-config", e.configPath)
	if !strings.Contains(printed, "answered 401") || !strings.Contains(out.String(), "REFUSED") ||
		!strings.Contains(out.String(), "none of its signatures (v1: 1, v1a: 0)") {
		t.Errorf("printed %s and %s", printed, out.String())
	}
	for missing, want := range map[string]string{webhook.HeaderID: "webhook-id is missing",
		webhook.HeaderTimestamp: "webhook-timestamp is missing"} {
		req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(webhook.HeaderID, "\u009b2Jmsg") // a terminal would obey
		req.Header.Set(webhook.HeaderTimestamp, "1")
		req.Header.Del(missing)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || !strings.Contains(out.String(), want) {
			t.Errorf("without %s: %s, printed %s", missing, res.Status, out.String())
		}
	}
	if strings.Contains(out.String(), "\u009b") || !strings.Contains(out.String(), `\u009b2Jmsg`) {
		t.Errorf("an unverified event wrote to the terminal: %q", out.String())
	}
}

func TestWrongUsageOfWebhookExitsWithTwo(t *testing.T) {
	e := newEnv(t, "sqlite:///nowhere/optin.db")
	e.writeWithWebhook("http://127.0.0.1:1/", hookSecret)
	for _, line := range []string{"", "nonsense", "listen", "listen -secret whsec_short", "listen -secret whpk_AAAA",
		"listen x",
		"listen -secret whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "test -config CONFIG -site other",
		"test -config CONFIG -url http://other.example/",
		"failed -config CONFIG x", "failed -config CONFIG -site other", "retry -config CONFIG",
		"retry -config CONFIG -all x", "failed -config nowhere.yaml"} {
		args := strings.Fields(strings.ReplaceAll(line, "CONFIG", e.configPath))
		if _, errs := runWebhook(t, exitUsage, args...); errs == "" {
			t.Errorf("%s: prints nothing", line)
		}
	}
	if out, _ := runWebhook(t, exitOK, "-h"); !strings.Contains(out, "optin retry") {
		t.Errorf("printed %s", out)
	}
}

func TestAnIDMayBeginWithAHyphen(t *testing.T) {
	c := newReading("retry", "", lookup(nil), io.Discard, io.Discard)
	ids, _, ok := c.parse([]string{"-config", "x", "-aaaaaaaaaaaaaaaaaaaaa-0", "short", "bbbbbbbbbbbbbbbbbbbbbb-12"})
	if strings.Join(ids, " ") != "-aaaaaaaaaaaaaaaaaaaaa-0 short bbbbbbbbbbbbbbbbbbbbbb-12" || c.config != "x" || !ok {
		t.Errorf("ids %v, configuration %s, %v", ids, c.config, ok)
	}
}

func TestAWebhookKeyFitsItsPublicKeyAndTheConfiguration(t *testing.T) {
	out, _ := runKeys(t, exitOK, "-v1a", "-site", "la-lettre")
	private, err := config.ParseWebhookSecret(keysLines(out)["LA_LETTRE_WEBHOOK_KEY"])
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := config.ParseWebhookPublic(regexp.MustCompile(`whpk_\S+`).FindString(out))
	if err != nil || !public.Equal(ed25519.NewKeyFromSeed(private.Seed).Public()) {
		t.Errorf("%v: %s", err, out)
	}
	for _, line := range []string{"-v1a -dkim", "-v1a -sample", "-v1a -out x"} {
		runKeys(t, exitUsage, strings.Fields(line)...)
	}
}
