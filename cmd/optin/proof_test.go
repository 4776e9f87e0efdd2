package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/store"
)

// optin runs a command of the program beside the running service, and returns what it printed.
func (e *env) optin(want int, args ...string) (stdout, stderr string) {
	e.t.Helper()
	e.must(os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600))
	var out, errs strings.Builder
	args = append(slices.Clone(args), "-config", e.configPath)
	if got := run(e.t.Context(), args, lookup(nil), &out, &errs); got != want {
		e.t.Fatalf("optin %v: exit %d, want %d: %s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// get returns the body of a response with status 200, asked for with the API key of the site.
func (a *actor) get(path string, headers ...string) []byte {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.base+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("GET %s: %s, %v: %s", path, resp.Status, err, b)
	}
	return b
}

func TestTheTimelineOfAConfirmedPersonIsWhole(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		a := e.start()
		const email = "ada@people.test"
		a.SignUp(email)
		link := confirmLink(a.Email(email))
		id := a.Lookup(email).ID
		var got struct{ Events []consent.Step }
		happened := func(n int) bool {
			if err := json.Unmarshal(a.get("/v1/sites/gazette/subscriptions/"+id+"/events"), &got); err != nil {
				t.Fatal(err)
			}
			return len(got.Events) == n
		}
		a.eventually("that the relay took the email is kept", func() bool { return happened(3) })
		a.Confirm(link)
		a.eventually("the website is told", func() bool { return len(hook.eventsAbout(email)) == 1 })
		want := []consent.StepAction{
			consent.StepAsked, consent.StepQueued, consent.StepTaken, consent.StepConfirmed, consent.StepTold,
		}
		a.eventually("that the website was told is kept", func() bool { return happened(len(want)) })
		for i, step := range got.Events {
			if step.Action != want[i] || i > 0 && step.At.Before(got.Events[i-1].At) {
				t.Errorf("%d: %+v, want %s", i, step, want[i])
			}
		}
		asked, taken, told := got.Events[0], got.Events[2], got.Events[4]
		if asked.Seen.IP != "127.0.0.1" || asked.Attested.Source != "https://gazette.example/join" ||
			asked.Purposes[0].ID != "letter" {
			t.Errorf("asked: %+v, %+v", asked.Seen, asked.Attested)
		}
		messageID := "<" + taken.Email.MessageID + ">"
		if messageID != a.Email(email).Header.Get("Message-Id") || taken.Seen.Reply == "" {
			t.Errorf("taken: %+v, %+v", taken.Email, taken.Seen)
		}
		host, _, _ := strings.Cut(told.Told.Endpoint, "#")
		if told.Told.Event != consent.EventConfirmed || "http://"+host != hook.URL {
			t.Errorf("told: %+v", told.Told)
		}

		var printed shown
		out, _ := e.optin(exitOK, "show", "-json", email)
		if err := json.Unmarshal([]byte(out), &printed); err != nil || len(printed.Events) != len(want) ||
			printed.Subscription.ID != id {
			t.Errorf("%v: %s", err, out)
		}
		out, _ = e.optin(exitOK, "show", "-site", "gazette", id)
		lines := strings.Split(out, "\n")
		heads := []string{email + " at gazette: confirmed", "id " + id, `letter: confirmed since`, ""}
		for i, head := range heads {
			if !strings.HasPrefix(lines[i], head) {
				t.Errorf("line %d is %q, want %q", i, lines[i], head)
			}
		}
		told5 := slices.ContainsFunc(lines, func(l string) bool {
			return strings.Contains(l, "told") && strings.Contains(l, "subscription.confirmed, "+host+"#")
		})
		if !told5 || !strings.Contains(out, "the website says: https://gazette.example/join") {
			t.Error(out)
		}
	})
}

func TestCommandsAboutOnePersonRefuseWhatTheyCannotFind(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.start()
	for name, row := range map[string]struct {
		code int
		args []string
		says string
	}{
		"nobody":        {exitUsage, []string{"show"}, "takes one argument"},
		"two":           {exitUsage, []string{"show", "a", "b"}, "takes one argument"},
		"no address":    {exitUsage, []string{"show", "ada@"}, "name@example.org"},
		"another site":  {exitUsage, []string{"show", "-site", "club", "x"}, "no site"},
		"unknown":       {exitRefused, []string{"show", "nobody@people.test"}, "nothing is known"},
		"an unknown id": {exitRefused, []string{"show", "AAAAAAAAAAAAAAAAAAAAAA"}, "nothing is known"},
	} {
		out, errs := e.optin(row.code, row.args...)
		if out != "" || !strings.Contains(errs, row.says) || strings.Contains(errs, "nobody@") {
			t.Errorf("%s: %q, %q", name, out, errs)
		}
	}
}

// verifiers are the two that must agree: optin verify, and the example that uses nothing but node:crypto.
func verifiers(t *testing.T) map[string]func(args ...string) (holds bool, said string) {
	t.Helper()
	node := childtest.Need(t, "node")
	return map[string]func(args ...string) (bool, string){
		"optin": func(args ...string) (bool, string) {
			var out, errs strings.Builder
			flags := map[string][]string{
				"receipt": {"-keys"}, "dossier": {"-keys", "-key"}, "log": {"-key"},
			}[args[0]]
			named := []string{"verify", args[0]}
			for i, f := range flags {
				named = append(named, f, args[1+i])
			}
			named = append(named, args[1+len(flags):]...)
			code := run(t.Context(), named, lookup(nil), &out, &errs)
			return code == exitOK, out.String() + errs.String()
		},
		"node": func(args ...string) (bool, string) {
			script := filepath.Join("..", "..", "examples", "verify-node", "verify.mjs")
			out, err := exec.CommandContext(t.Context(), node, append([]string{script}, args...)...).CombinedOutput()
			return err == nil, string(out)
		},
	}
}

func TestADossierIsVerifiedByTwoMeansAndEveryChangeIsNamed(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.withLog()
	a := e.start()
	const email = "ada@people.test"
	a.SignUp(email)
	link := confirmLink(a.Email(email))
	a.Confirm(link)
	is := a.Lookup(email)
	a.Withdraw(is.UnsubscribeURL)
	a.logged(2)
	dir := t.TempDir()
	file, jwks := filepath.Join(dir, "dossier.zip"), filepath.Join(dir, "jwks.json")
	e.optin(exitOK, "dossier", "-o", file, email)
	e.optin(exitFailed, "dossier", "-o", file, email) // it overwrites nothing
	e.optin(exitFailed, "dossier", "-o", file+".docx", email)
	page := filepath.Join(dir, "dossier.html")
	e.optin(exitOK, "dossier", "-lang", "de", "-o", page, email)
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("Nachweis der Einwilligung")) {
		t.Errorf("%v: %.200s", err, html)
	}
	e.must(os.WriteFile(jwks, a.get("/.well-known/jwks.json"), 0o600))
	key, _ := e.optin(exitOK, "log", "key")
	key = strings.TrimSpace(key)
	whole, err := os.ReadFile(file)
	e.must(err)
	parts := unzipped(t, whole)

	for _, token := range []string{path(link)[3:], path(is.UnsubscribeURL)[3:]} {
		for name, content := range parts {
			sum := sha256.Sum256([]byte(token))
			if bytes.Contains(content, []byte(token)) {
				t.Errorf("%s has a link that works", name)
			}
			if strings.HasSuffix(name, ".eml") && token == path(link)[3:] &&
				!bytes.Contains(bytes.ReplaceAll(content, []byte("=\r\n"), nil), []byte(hex.EncodeToString(sum[:]))) {
				t.Errorf("%s has not the hash of its link", name)
			}
		}
	}
	var d dossier.Dossier
	e.must(json.Unmarshal(parts["dossier.json"], &d))
	if len(d.Emails) != 1 || !d.Emails[0].Rebuilt || d.Emails[0].Reply == "" ||
		len(d.Receipts) != 1 || len(d.Log) != 2 || d.Subscription.Email != email {
		t.Errorf("%+v", d)
	}
	if d.Emails[0].SHA256 != hexOf(a.Email(email).Raw) {
		t.Error("the hash is not that of the email that arrived")
	}
	byAPI := unzipped(t, a.get("/v1/sites/gazette/subscriptions/"+is.ID+"/dossier", "Accept", "application/zip"))
	if len(byAPI) != len(parts) {
		t.Errorf("the API has %d files, the command %d", len(byAPI), len(parts))
	}
	e.must(json.Unmarshal(a.get("/v1/sites/gazette/subscriptions/"+is.ID+"/dossier"), &d))

	changed := filepath.Join(dir, "changed.zip")
	for by, verify := range verifiers(t) {
		if holds, said := verify("dossier", jwks, key, file); !holds {
			t.Errorf("%s: %s", by, said)
		}
		if holds, said := verify("log", key, e.parse().Log.Path); !holds {
			t.Errorf("%s: %s", by, said)
		}
		for name, content := range parts {
			if name == "verify.txt" || name == "jwks.json" || name == "log.key" || name == "dossier.json" {
				continue // copies, and words
			}
			wrong, at := maps.Clone(parts), rand.IntN(len(content))
			wrong[name] = bytes.Clone(content)
			wrong[name][at] ^= 1
			e.must(os.WriteFile(changed, zipped(t, wrong), 0o600))
			if holds, said := verify("dossier", jwks, key, changed); holds || !strings.Contains(said, "DOES NOT HOLD") {
				t.Errorf("%s: byte %d of %s: %s", by, at, name, said)
			}
			if by == "node" {
				continue // each run starts a process
			}
			missing := maps.Clone(parts)
			delete(missing, name)
			e.must(os.WriteFile(changed, zipped(t, missing), 0o600))
			if holds, said := verify("dossier", jwks, key, changed); holds || !strings.Contains(said, "DOES NOT HOLD") {
				t.Errorf("%s: without %s: %s", by, name, said)
			}
		}
		for old, new := range map[string]string{
			`"ip": "127.0.0.1"`: `"ip": "127.0.0.2"`, `https://gazette.example/join`: `https://gazette.example/jump`,
			`"action": "confirmed"`: `"action": "declined"`, `link_post`: `one_click`,
			`"email": "ada@people.test"`: `"email": "eve@people.test"`,
			`"state": "withdrawn"`:       `"state": "confirmed"`,
			`"sha256": "` + d.Emails[0].SHA256 + `",
      "unsigned`: `"sha256": "` + strings.Repeat("0", 64) + `",
      "unsigned`,
		} {
			wrong := maps.Clone(parts)
			wrong["dossier.json"] = bytes.ReplaceAll(parts["dossier.json"], []byte(old), []byte(new))
			e.must(os.WriteFile(changed, zipped(t, wrong), 0o600))
			holds, said := verify("dossier", jwks, key, changed)
			if holds || bytes.Equal(wrong["dossier.json"], parts["dossier.json"]) {
				t.Errorf("%s: %s changed: %s", by, old, said)
			}
		}
		for what, change := range map[string]func(*dossier.Dossier) (files string){
			"a receipt left out": func(d *dossier.Dossier) string {
				d.Receipts = []dossier.Receipt{}
				return "receipts/"
			},
			"the log left out": func(d *dossier.Dossier) string {
				d.Log = []dossier.LogRecord{}
				return "log/"
			},
			"one more confirmation": func(d *dossier.Dossier) string {
				again := d.Events[slices.IndexFunc(d.Events, isConfirmed)]
				again.At, again.Receipt = again.At.Add(time.Hour), ""
				d.Events = append(d.Events, again)
				return "nothing"
			},
		} {
			wrong := maps.Clone(parts)
			var d dossier.Dossier
			e.must(json.Unmarshal(parts["dossier.json"], &d))
			files := change(&d)
			maps.DeleteFunc(wrong, func(name string, _ []byte) bool { return strings.HasPrefix(name, files) })
			wrong["dossier.json"], err = d.JSON()
			e.must(err)
			e.must(os.WriteFile(changed, zipped(t, wrong), 0o600))
			if holds, said := verify("dossier", jwks, key, changed); holds {
				t.Errorf("%s: %s: %s", by, what, said)
			}
		}
	}
}

// TestADossierVerifiesAfterIPsWereCut: what the log committed to is not compared with what is no longer there.
func TestADossierVerifiesAfterIPsWereCut(t *testing.T) {
	t.Parallel()
	e, a := oneConsentInTheLog(t)
	cfg := e.parse()
	cfg.Retention.IP = time.Nanosecond
	c, err := openCore(t.Context(), cfg)
	e.must(err)
	defer c.store.Close()
	did, _, err := c.service.Clock.Retain(t.Context(), "gazette", store.Cursor{}, 10)
	if err != nil || did.Cut != 1 {
		t.Fatalf("%+v, %v", did, err)
	}
	dir := t.TempDir()
	file, jwks, changed := filepath.Join(dir, "d.zip"), filepath.Join(dir, "jwks.json"), filepath.Join(dir, "x.zip")
	e.optin(exitOK, "dossier", "-o", file, "ada@people.test")
	e.must(os.WriteFile(jwks, a.get("/.well-known/jwks.json"), 0o600))
	key, _ := e.optin(exitOK, "log", "key")
	whole, err := os.ReadFile(file)
	e.must(err)
	parts := unzipped(t, whole)
	if !bytes.Contains(parts["dossier.json"], []byte(`"ip": "127.0.0.0/24"`)) {
		t.Fatalf("no IP was cut: %s", parts["dossier.json"])
	}
	parts["dossier.json"] = bytes.ReplaceAll(parts["dossier.json"], []byte("link_post"), []byte("one_click"))
	e.must(os.WriteFile(changed, zipped(t, parts), 0o600))
	for by, verify := range verifiers(t) {
		if holds, said := verify("dossier", jwks, strings.TrimSpace(key), file); !holds {
			t.Errorf("%s: %s", by, said)
		}
		if holds, said := verify("dossier", jwks, strings.TrimSpace(key), changed); holds {
			t.Errorf("%s: a changed event: %s", by, said)
		}
	}
}

func isConfirmed(step consent.Step) bool { return step.Action == consent.StepConfirmed }

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func unzipped(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err == nil {
			all[f.Name], err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func zipped(t *testing.T, parts map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range parts {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
