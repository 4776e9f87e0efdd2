package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backup copies the store as it is, and returns what puts that copy back. No optin has it open.
func (e *env) backup(redis *redisChild) (restore func()) {
	e.t.Helper()
	folder, copied := filepath.Dir(strings.TrimPrefix(e.store, "sqlite://")), e.t.TempDir()+"/backup"
	stop, start := func() {}, func() {}
	if redis != nil {
		if answer := redis.ask("SAVE"); answer != "+OK\r\n" {
			e.t.Fatalf("SAVE returns %q", answer)
		}
		folder, stop, start = redis.dir, redis.kill, redis.start
	}
	stop()
	e.must(os.CopyFS(copied, os.DirFS(folder)))
	start()
	return func() {
		stop()
		e.must(os.RemoveAll(folder))
		e.must(os.CopyFS(folder, os.DirFS(copied)))
		start()
	}
}

// TestABackupBringsNobodyBack is the drill of docs/operations.md for a store that is restored from a backup.
func TestABackupBringsNobodyBack(t *testing.T) {
	t.Parallel()
	drill := func(t *testing.T, e *env, redis *redisChild) {
		e.perAddress, e.topYAML = "1000/1m", "limits: {emails_per_address: 1000/1h}\n"
		e.withLog()
		e.write(e.listen)
		p := e.launch(e.listen)
		a := e.actor(e.listen)
		ready := func() { a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK }) }
		ready()
		id := map[string]string{}
		names := []string{"erased", "back", "withdrawn", "declined", "objected", "still"}
		agree := func(name string) {
			if code := a.SignUp(name + "@people.test"); code != http.StatusAccepted {
				t.Fatal(code)
			}
			a.Confirm(confirmLink(a.Email(name + "@people.test")))
			id[name] = a.Lookup(name + "@people.test").ID
			if id[name] == "" {
				t.Fatalf("%s is unknown", name)
			}
		}
		for _, name := range names {
			agree(name)
		}
		declines := confirmLink(a.Email("declined@people.test"))
		a.logged(6)
		p.stop()
		restore := e.backup(redis)

		p = e.launch(e.listen)
		ready()
		a.delete("/subscriptions/" + id["erased"])
		a.delete("/subscriptions/" + id["back"])
		a.Withdraw(a.Lookup("withdrawn@people.test").UnsubscribeURL)
		a.post(path(declines)+"/decline", "", nil)
		a.told("/objections", `{"email":"objected+x@people.test"}`)
		a.logged(12)
		agree("Back") // who comes again, in another spelling of the same address
		agree("new")
		a.logged(14)
		want := map[string]string{}
		for _, name := range append(names, "new") {
			want[name] = a.Lookup(name + "@people.test").State
		}
		p.stop()
		size := func() int64 {
			st, err := os.Stat(e.parse().Log.Path + "/index")
			e.must(err)
			return st.Size()
		}
		leaves := size()
		restore()

		// Without being brought up to date, the store is not continued, and the log is not cut.
		p = e.launch(e.listen)
		says := func() bool { return strings.Contains(p.stderr.String(), "optin erase -replay") }
		a.eventually("it says what to do", says)
		p.stop()
		if size() != leaves {
			t.Fatalf("the log had %d bytes of index, and has %d", leaves, size())
		}
		out, _ := e.optin(exitOK, "erase", "-replay", "-json")
		var did caughtUp
		e.must(json.Unmarshal([]byte(out), &did))
		if did.Leaves != 14 || did.Erased != 1 || did.Subscriptions != 6 {
			t.Errorf("%s", out)
		}
		again, _ := e.optin(exitOK, "erase", "-replay", "-json")
		if e.must(json.Unmarshal([]byte(again), &did)); did.Erased+did.Subscriptions != 0 {
			t.Errorf("a second time %s", again)
		}
		p = e.launch(e.listen)
		ready()
		for name, state := range want {
			if got := a.Lookup(name + "@people.test").State; got != state {
				t.Errorf("%s is %q, and was %q", name, got, state)
			}
		}
		agree("later")
		a.logged(15)
		if code := p.stop(); code != exitOK {
			t.Errorf("exit %d: %s", code, p.stderr)
		}
	}
	drillOnEachStore(t, drill)
}
