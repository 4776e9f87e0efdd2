package main

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/config"
)

// Somebody who tries optin for the first time does exactly this.
func TestTheDemoWorksFromItsFirstLineToAConsent(t *testing.T) {
	folder := t.TempDir()
	p := child(t, []string{"OPTIN_TEST_MAIN=1", "TMPDIR=" + folder}, os.Args[0], "demo", "-listen", "127.0.0.1:0")
	r := newPlainBrowser(t)
	r.until("its first line", func() bool { return strings.Contains(p.stdout.String(), "\n") })
	first, _, _ := strings.Cut(p.stdout.String(), " ")
	r.open(first)
	if r.page.Find(`input[type=checkbox][checked]`).Length() != 0 {
		t.Error("a box is ticked beforehand")
	}
	r.until("the form, which refuses programs that are too quick, is accepted", func() bool {
		r.submit("form", map[string]string{"email": "ada@people.test", "consent": "true"})
		return r.status != http.StatusUnprocessableEntity
	})
	if r.at.Path != "/s/demo/sent" || r.status != http.StatusOK {
		t.Fatalf("the form leads to %s, %d:\n%s", r.at, r.status, r.page.Text())
	}
	r.openEmail("ada@people.test")
	r.follow(`a[href*="/c/"]`)
	if title := r.page.Find("h1").Text(); r.status != http.StatusOK || title == "" {
		t.Fatalf("the link leads to %d: %s", r.status, r.page.Text())
	}
	asked := r.page.Find("h1").Text()
	r.submit("form#confirm", nil)
	if output := r.page.Find("[role=status] h1").Text(); r.status != http.StatusOK || output == "" || output == asked {
		t.Errorf("after the button: %d, %q", r.status, r.page.Text())
	}
	r.lookUp(p.stdout.String(), "ada@people.test")
	if left := filesIn(t, folder); len(left) == 0 {
		t.Errorf("the demo stores nothing in %s: this test looks in the wrong place", folder)
	}
	begun := time.Now()
	if code := p.stop(); code != exitOK || time.Since(begun) > 3*time.Second {
		t.Errorf("it exits with %d after %v:\n%s", code, time.Since(begun), p.stderr)
	}
	if left := filesIn(t, folder); len(left) != 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func filesIn(t *testing.T, folder string) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// openEmail waits until the inbox has an email to an address, and opens it.
func (r *plainBrowser) openEmail(email string) {
	r.t.Helper()
	inbox := r.at.ResolveReference(&url.URL{Path: "/inbox"}).String()
	r.until("an email", func() bool {
		r.open(inbox)
		return r.page.Find(".messages a").Length() == 1
	})
	if to := r.page.Find(".messages .to").Text(); to != "to "+email {
		r.t.Fatalf("the email is %q", to)
	}
	r.follow(".messages a")
	frame, _ := r.page.Find("iframe").Attr("src")
	r.open(r.at.ResolveReference(&url.URL{Path: frame}).String())
}

// lookUp sends the request of the printed curl.
func (r *plainBrowser) lookUp(printed, email string) {
	r.t.Helper()
	_, key, _ := strings.Cut(printed, "Authorization: Bearer ")
	key, _, _ = strings.Cut(key, "'")
	req, err := http.NewRequest(http.MethodPost,
		r.at.ResolveReference(&url.URL{Path: "/v1/sites/demo/lookup"}).String(), strings.NewReader(`{"email":"`+email+
			`"}`))
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(printed, req.URL.String()) {
		r.t.Errorf("the demo does not print %s:\n%s", req.URL, printed)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"state":"confirmed"`) {
		r.t.Errorf("the lookup returns %s %s, %v", resp.Status, body, err)
	}
}

func TestTheFirstPageOfTheDemoLeadsThroughAllOfIt(t *testing.T) {
	base := startDemo(t)
	r := newPlainBrowser(t)
	for _, path := range []string{"/s/demo", "/inbox", "/admin", "/docs"} {
		r.open(base + "/")
		r.follow(`main a[href="` + path + `"]`)
		if r.status != http.StatusOK || r.page.Find("h1").Length() != 1 {
			t.Errorf("%s: %d, %q", path, r.status, r.page.Find("h1").Text())
		}
	}
	r.logInToDemo(base)
	for _, path := range []string{"//", "/x", "/index.html"} {
		if status, _, err := getURL(t.Context(), base+path); err != nil || status != http.StatusNotFound {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
}

func TestTheDemoSaysThatItIsReadyOnceItAnswers(t *testing.T) {
	asked := 0
	says := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"status":"`+text+`"}`)
		}
	}
	ready, away := says(http.StatusOK, "ready"), says(http.StatusServiceUnavailable, "unavailable")
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked < 2 {
			away(w, r)
			return
		}
		ready(w, r)
	}))
	defer slow.Close()
	if err := answers(t.Context(), slow.URL+"/readyz"); err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	never := httptest.NewServer(away)
	defer never.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := answers(ctx, never.URL+"/readyz"); err == nil || !strings.Contains(err.Error(), "503") ||
		!strings.Contains(err.Error(), "unavailable") {
		t.Errorf("what is never ready: %v", err)
	}
}

// The sample configuration sends its emails to where the demo takes them.
func TestTheSampleSendsToTheInboxOfTheDemo(t *testing.T) {
	cfg, err := config.Parse("optin.yaml", config.Sample(), func(name string) (string, bool) {
		return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))), true
	}, nil, "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.SMTP.Relays) != 1 || cfg.SMTP.Relays[0].HostPort() != sampleRelay {
		t.Errorf("the sample sends to %v", cfg.SMTP.Relays)
	}
	first, err := openInbox()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := openInbox()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Addr() == first.Addr() || second.Addr() == sampleRelay {
		t.Errorf("two demos at %s and %s", first.Addr(), second.Addr())
	}
}
