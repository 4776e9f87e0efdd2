package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
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
	broken := map[string]string{
		"no YAML":           "sites: [",
		"nothing":           "",
		"an unknown key":    renamed + "\nunheard_of: 1\n",
		"another address":   strings.Replace(renamed, e.listen, "127.0.0.1:1", 1),
		"another store":     strings.Replace(renamed, "optin.db", "other.db", 1),
		"a missing purpose": strings.Replace(renamed, "purposes:", "purpose:", 1),
	}
	for name, yaml := range brokenAt(renamed, size(0, 50)) {
		broken[name] = yaml
	}
	if len(broken) < size(6, 50) {
		t.Fatalf("only %d are broken", len(broken))
	}
	visits := a.visitsAlways("/s/gazette")
	for name, yaml := range broken {
		if yaml == renamed {
			t.Fatalf("%s: nothing is changed", name)
		}
		hangUp(yaml, refused)
		if !strings.Contains(page(), "La Gazette") {
			t.Errorf("%s: the old configuration no longer serves", name)
		}
	}
	if n := visits(); n == 0 {
		t.Error("nobody looked meanwhile")
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
	e.must(os.Remove(e.configPath))
	e.must(syscall.Mkfifo(e.configPath, 0o600)) // with nobody at its other end
	e.must(p.cmd.Process.Signal(syscall.SIGHUP))
	slow := "could not be read within"
	a.eventually(slow, func() bool { return strings.Contains(p.stderr.String(), slow) })
	e.must(os.Remove(e.configPath))
	hangUp(renamed, loaded)
	e.must(os.WriteFile(e.configPath, []byte("sites: ["), 0o600))
	for range 20 {
		e.must(p.cmd.Process.Signal(syscall.SIGHUP))
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("it exits with %d:\n%s", code, p.stderr)
	}
}

// brokenAt returns a configuration with at most so many mistakes, one in each: a key that is unknown, a value that
// cannot be, a variable that is not set, a line that no longer fits.
func brokenAt(yaml string, most int) map[string]string {
	broken := map[string]string{}
	lines := strings.Split(yaml, "\n")
	for i, line := range lines {
		key, value, is := strings.Cut(line, ":")
		if !is || strings.ContainsAny(key, "{\"") {
			continue
		}
		for name, other := range map[string]string{
			"another key": key + "_x:" + value, "no value of its kind": key + ": [[{}]]",
			"a variable that is not set": key + ": ${OPTIN_TEST_IS_NOT_SET}", "a tab": "\t" + line,
		} {
			if len(broken) < most {
				with := slices.Clone(lines)
				with[i] = other
				broken[fmt.Sprintf("%s in line %d", name, i+1)] = strings.Join(with, "\n")
			}
		}
	}
	return broken
}

// visitsAlways looks at a page again and again until the function that it returns is called, which returns how often
// that was. Each time must succeed.
func (a *actor) visitsAlways(page string) (stop func() int) {
	done, n := make(chan struct{}), 0
	var visitor sync.WaitGroup
	visitor.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if code := a.status(page); code != http.StatusOK {
				a.t.Errorf("visit %d of %s: %d", n, page, code)
				return
			}
			n++
		}
	})
	return func() int {
		close(done)
		visitor.Wait()
		return n
	}
}
