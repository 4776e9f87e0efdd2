package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A SIGHUP loads the configuration whole or not at all, and never ends the program.
func TestAHangupLoadsTheConfigurationOrLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	p, a := e.spawn(e.listen)
	whole := e.yaml(e.listen)
	hangUp := func(yaml, outcome string) {
		t.Helper()
		e.must(os.WriteFile(e.configPath, []byte(yaml), 0o600))
		before := strings.Count(p.stderr.String(), outcome)
		e.must(p.cmd.Process.Signal(syscall.SIGHUP))
		a.eventually(outcome, func() bool { return strings.Count(p.stderr.String(), outcome) > before })
	}
	page := func() string {
		resp, err := http.Get(a.base + "/s/gazette")
		e.must(err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		e.must(err)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("the signup page returns %s", resp.Status)
		}
		return string(b)
	}
	const loaded, refused = "the configuration was loaded", "the configuration was not loaded"
	renamed := strings.ReplaceAll(whole, "La Gazette", "Le Journal")
	if renamed == whole || !strings.Contains(page(), "La Gazette") {
		t.Fatal("the site has another name")
	}
	a.SignUp("ada@people.test")
	link := confirmLink(a.Email("ada@people.test"))
	for name, broken := range map[string]string{
		"no YAML":           "sites: [",
		"nothing":           "",
		"an unknown key":    renamed + "\nunheard_of: 1\n",
		"another address":   strings.Replace(renamed, e.listen, "127.0.0.1:1", 1),
		"another store":     strings.Replace(renamed, "optin.db", "other.db", 1),
		"a missing purpose": strings.Replace(renamed, "purposes:", "purpose:", 1),
	} {
		if broken == renamed {
			t.Fatalf("%s: nothing is changed", name)
		}
		hangUp(broken, refused)
		if !strings.Contains(page(), "La Gazette") {
			t.Errorf("%s: the old configuration no longer serves", name)
		}
	}
	if !strings.Contains(p.stderr.String(), `"level":"ERROR"`) {
		t.Error("no alarm is in the log")
	}
	hangUp(renamed, loaded)
	if text := page(); !strings.Contains(text, "Le Journal") || strings.Contains(text, "La Gazette") {
		t.Error("the new configuration does not serve")
	}
	a.Confirm(link)
	a.SignUp("bob@people.test")
	if a.Confirm(confirmLink(a.Email("bob@people.test"))); a.Lookup("bob@people.test").State != "confirmed" {
		t.Error("the new workers send nothing")
	}
	hangUp(whole, loaded)
	e.must(os.WriteFile(e.configPath, []byte("sites: ["), 0o600))
	for range 20 {
		e.must(p.cmd.Process.Signal(syscall.SIGHUP))
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("it exits with %d:\n%s", code, p.stderr)
	}
}
