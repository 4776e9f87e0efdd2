package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// copyStore copies a store while it is written to, as docs/operations.md says. The function that it returns puts the
// copy in its place, while optin is stopped.
func (e *env) copyStore() (putBack func()) {
	e.t.Helper()
	if file, is := strings.CutPrefix(e.store, "sqlite://"); is {
		kept := filepath.Join(e.t.TempDir(), "copy.db")
		db, err := sql.Open("sqlite", "file:"+file)
		e.must(err)
		_, err = db.Exec("VACUUM INTO '" + kept + "'")
		e.must(err)
		e.must(db.Close())
		return func() {
			for _, suffix := range []string{"-wal", "-shm"} {
				_ = os.Remove(file + suffix)
			}
			e.must(os.Rename(kept, file))
			e.must(os.WriteFile(file+"-wal", nil, 0o600)) // the copy is complete
		}
	}
	r := e.redis
	kept := filepath.Join(e.t.TempDir(), "copy")
	e.must(os.CopyFS(kept, os.DirFS(filepath.Join(r.dir, "appendonlydir"))))
	return func() {
		r.kill()
		e.must(os.RemoveAll(filepath.Join(r.dir, "appendonlydir")))
		e.must(os.CopyFS(filepath.Join(r.dir, "appendonlydir"), os.DirFS(kept)))
		r.start()
	}
}

// A copy is made under load. Afterwards people confirm, withdraw and decline; then the copy is put back, and the
// consent log puts right what it does not have.
func TestACopyMadeUnderLoadLosesNothingAndMailsNobodyWhoDeclined(t *testing.T) {
	restored := func(t *testing.T, e *env) {
		e.perAddress, e.topYAML = "1000/1m", "limits: {emails_per_address: 1000/1h, emails_per_domain: 100000/1h}\n"
		e.withLog()
		p, a := e.spawn(e.listen)
		links, leave := map[string]string{}, map[string]string{}
		states := map[string]string{}
		leaves := 0
		act := func(who, what string) {
			if what != "pending" && what != states[who] {
				leaves++
			}
			if links[who] == "" {
				a.SignUp(who)
				links[who] = confirmLink(a.Email(who))
			}
			switch what {
			case "declined":
				a.Confirm(links[who] + "/decline")
			case "withdrawn":
				a.Withdraw(leave[who])
			case "confirmed":
				a.Confirm(links[who])
				leave[who] = a.Lookup(who).UnsubscribeURL
			}
			if states[who] = a.Lookup(who).State; what != states[who] {
				t.Fatalf("%s is %q, not %s", who, states[who], what)
			}
		}
		for i := range size(3, 60) {
			for _, then := range []string{"pending", "confirmed"} {
				for _, later := range []string{"pending", "confirmed", "withdrawn", "declined"} {
					act(fmt.Sprintf("%s.%s.%d@reader.example", then, later, i), then)
				}
			}
		}
		l := newLoad(t, e)
		a.eventually("load", func() bool { return len(l.confirmed.keys()) >= size(5, 200) })
		accepted := l.accepted.keys() // before the copy
		putBack := e.copyStore()
		l.stop()
		for who, then := range states {
			switch _, rest, _ := strings.Cut(who, "."); {
			case strings.HasPrefix(rest, "confirmed"):
				act(who, "confirmed")
			case strings.HasPrefix(rest, "declined"):
				act(who, "declined")
			case strings.HasPrefix(rest, "withdrawn") && then == "confirmed":
				act(who, "withdrawn")
			}
		}
		a.logged(int64(leaves + len(l.confirmed.keys())))
		p.stop()

		putBack()
		out, _ := e.optin(exitOK, "erase", "-replay")
		t.Logf("%d people, %d of a load: %s", len(states), len(accepted), strings.TrimSpace(out))
		p, a = e.spawn(e.listen)
		for who, want := range states {
			if got := a.Lookup(who).State; got != want {
				t.Errorf("%s is %q, and was %s", who, got, want)
			}
		}
		for _, who := range accepted {
			if a.Lookup(who).State == "" {
				t.Errorf("%s, who had signed up before the copy, is lost", who)
			}
		}
		for _, who := range l.confirmed.keys() {
			if got := a.Lookup(who).State; got != "confirmed" {
				t.Errorf("%s, who was answered confirmed, is %q", who, got)
			}
		}
		sent := map[string]int{}
		for who, is := range states {
			if is == "declined" {
				sent[who] = e.emailsTo(who)
				if code := a.SignUp(who); code != http.StatusAccepted {
					t.Errorf("%s: %d", who, code)
				}
			}
		}
		a.SignUp("last@reader.example")
		a.Email("last@reader.example")
		p.stop()
		for who, before := range sent {
			if n := e.emailsTo(who); n > before {
				t.Errorf("%s declined, and got %d emails more", who, n-before)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		restored(t, newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db")))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		server := redisServer(t)
		e := newEnv(t, server.url())
		e.redis = server
		restored(t, e)
	})
}
