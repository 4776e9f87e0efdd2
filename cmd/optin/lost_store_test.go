package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// linkAnswer returns the status of a link's page, and what it says.
func (a *actor) linkAnswer(link, accept string) (int, string) {
	a.t.Helper()
	resp, body := a.ask(http.MethodGet, path(link), "", http.Header{"Accept": {accept}})
	return resp.StatusCode, string(body)
}

// A store that lost its data while optin runs, or while it is stopped, is no store of nobody.
func TestAnEmptiedStoreIsNoticedAndNothingIsAnsweredFromIt(t *testing.T) {
	t.Parallel()
	for name, stopped := range map[string]bool{"while it runs": false, "while it is stopped": true} {
		t.Run(name, func(t *testing.T) {
			server := redisServer(t)
			e := newEnv(t, server.url())
			p, a := e.spawn(e.listen)
			a.SignUp("ada@reader.example")
			link := confirmLink(a.Email("ada@reader.example"))
			if stopped {
				p.stop()
			}
			if reply := server.ask("FLUSHALL"); reply != "+OK\r\n" {
				t.Fatal(reply)
			}
			if stopped {
				p = e.launch(e.listen)
				a.eventually("it answers", func() bool { return a.status("/healthz") == http.StatusOK })
			}
			a.refusesWithin(2*time.Second, "the store has lost its data")
			if _, body := a.body("/readyz"); !strings.Contains(body, "optin store accept-empty") {
				t.Errorf("/readyz does not say what to do: %s", body)
			}
			if code := a.SignUp("grace@reader.example"); code != http.StatusServiceUnavailable {
				t.Errorf("a signup: %d", code)
			}
			for _, accept := range []string{"text/html", "application/json"} {
				if code, body := a.linkAnswer(link, accept); code != http.StatusServiceUnavailable {
					t.Errorf("a link: %d %s", code, body)
				}
			}
			if code, state := a.Confirm(link); code != http.StatusServiceUnavailable {
				t.Errorf("a confirmation: %d %s", code, state)
			}
			if !strings.Contains(p.stderr.String(), "the store has lost its data") {
				t.Errorf("the log does not say so:\n%s", p.stderr)
			}
			accept := command(t, "store", "accept-empty", "-config", e.configPath)
			if code := accept.wait(); code != exitOK || !strings.Contains(accept.stdout.String(), "begins anew") {
				t.Fatalf("accept-empty: %d %s%s", code, accept.stdout, accept.stderr)
			}
			a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
			a.lostAndNew(link)
		})
	}
}

// lostAndNew looks at a link of what was lost, and at one that was mailed since.
func (a *actor) lostAndNew(link string) {
	a.t.Helper()
	code, body := a.linkAnswer(link, "text/html")
	if code != http.StatusGone || !strings.Contains(body, "Nous avons perdu") {
		a.t.Errorf("the page of what was lost: %d %s", code, body)
	}
	if code, body := a.linkAnswer(link, "application/json"); code != http.StatusGone ||
		!strings.Contains(body, `"code":"link_lost"`) {
		a.t.Errorf("for programs: %d %s", code, body)
	}
	if code, _ := a.Confirm(link); code != http.StatusGone {
		a.t.Errorf("its button: %d", code)
	}
	if code := a.SignUp("new@reader.example"); code != http.StatusAccepted {
		a.t.Fatalf("a signup: %d", code)
	}
	newer := confirmLink(a.Email("new@reader.example"))
	if code, state := a.Confirm(newer); code != http.StatusOK {
		a.t.Errorf("a link of the new store: %d %s", code, state)
	}
}

func TestAMissingFileIsNoNewStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "optin.db")
	e := newEnv(t, "sqlite://"+file)
	p, a := e.spawn(e.listen)
	a.SignUp("ada@reader.example")
	a.Email("ada@reader.example")
	p.stop()
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		e.must(os.Remove(name))
	}
	check := command(t, "check", "-dns=false", "-config", e.configPath)
	if code := check.wait(); code != exitFailed || !strings.Contains(check.stdout.String(), "the file is missing") {
		t.Errorf("check: %d %s%s", code, check.stdout, check.stderr)
	}
	e.launch(e.listen)
	a.eventually("it answers", func() bool { return a.status("/healthz") == http.StatusOK })
	a.refusesWithin(2*time.Second, "the store has lost its data")
}

func TestTheWrongSecretIsRefusedInWordsThatSaveTheData(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		const other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
		const third = "dGhpcmQtdGhpcmQtdGhpcmQtdGhpcmQtdGhpcmQtdGg="
		p, a := e.spawn(e.listen)
		a.SignUp("ada@reader.example")
		a.Email("ada@reader.example")
		p.stop()
		secret := func(list string) { e.edits = []string{"secret: " + testSecret, "secret: " + list} }
		secret(other)
		e.write(e.listen)
		for _, args := range [][]string{{"serve"}, {"check", "-dns=false"}} {
			p := command(t, append(args, "-config", e.configPath)...)
			if code := p.wait(); code != exitFailed || !strings.Contains(p.stdout.String()+p.stderr.String(),
				"delete nothing, the data is whole: put the former secret back") {
				t.Errorf("%v: %d %s%s", args, code, p.stdout, p.stderr)
			}
		}
		secret("[" + other + ", " + testSecret + "]")
		p, a = e.spawn(e.listen)
		a.SignUp("grace@reader.example")
		a.Email("grace@reader.example")
		p.stop()
		secret("[" + third + ", " + other + "]")
		p, _ = e.spawn(e.listen)
		p.stop()
		check := command(t, "check", "-dns=false", "-config", e.configPath)
		if check.wait() != exitOK || !strings.Contains(check.stdout.String(), "warn   secret") {
			t.Errorf("check: %s%s", check.stdout, check.stderr)
		}
		if !strings.Contains(p.stderr.String(), "is not configured any more") {
			t.Errorf("no warning of the secret that is missing:\n%s", p.stderr)
		}
	})
}

// Looking must not touch: not even a file that is not there.
func TestCheckChangesNothing(t *testing.T) {
	folder := t.TempDir()
	e := newEnv(t, "sqlite://"+filepath.Join(folder, "optin.db"))
	look := func() {
		t.Helper()
		before := contents(t, folder, filepath.Dir(e.configPath))
		p := command(t, "check", "-dns=false", "-config", e.configPath)
		if code := p.wait(); code != exitOK {
			t.Errorf("check: %d %s%s", code, p.stdout, p.stderr)
		}
		if after := contents(t, folder, filepath.Dir(e.configPath)); after != before {
			t.Errorf("it was\n%s\nand is\n%s", before, after)
		}
	}
	e.write(e.listen)
	look()
	p, a := e.spawn(e.listen)
	a.SignUp("ada@reader.example")
	a.Email("ada@reader.example")
	p.stop()
	look()

	server := redisServer(t)
	e.store = server.url()
	e.write(e.listen)
	e.must(os.Remove(e.configPath + ".store"))
	changes := func() string {
		_, rest, _ := strings.Cut(server.ask("INFO persistence"), "rdb_changes_since_last_save:")
		n, _, _ := strings.Cut(rest, "\r\n")
		return n + " " + server.ask("DBSIZE")
	}
	before := changes()
	look()
	if after := changes(); after != before {
		t.Errorf("Redis counted %s changes, then %s", before, after)
	}
}

// contents describes all files in some folders but SQLite's shared memory, which is no data.
func contents(t *testing.T, folders ...string) string {
	t.Helper()
	var b strings.Builder
	for _, folder := range folders {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f.Name(), "-shm") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(folder, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %x\n", f.Name(), sha256.Sum256(content))
		}
	}
	return b.String()
}
