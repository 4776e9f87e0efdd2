package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/consentlog"
)

// withLog gives the configuration a consent log, and receipts with a key that optin keys -receipts makes by some flags.
func (e *env) withLog(flags ...string) {
	e.t.Helper()
	dir := e.t.TempDir()
	e.must(os.Chmod(dir, 0o700))
	var out, errs strings.Builder
	if code := keys(append(flags, "-receipts", "-out", dir+"/receipts.pem"), &out, &errs); code != exitOK {
		e.t.Fatal(errs.String())
	}
	e.topYAML += fmt.Sprintf("log: {path: %s/log}\nreceipts: {keys_file: %s/receipts.pem}\n", dir, dir)
}

// logged waits until a log has some leaves, and nothing waits.
func (a *actor) logged(leaves int64) {
	a.t.Helper()
	a.eventually(fmt.Sprint(leaves, " leaves of the consent log"), func() bool {
		req, err := http.NewRequest(http.MethodGet, a.base+"/readyz", nil)
		if err != nil {
			a.t.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var is struct {
			Log struct {
				Leaves  int64
				Appends bool
				Lag     float64 `json:"lag_seconds"`
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&is)
		return err == nil && is.Log.Leaves >= leaves && is.Log.Lag == 0
	})
}

// oneConsentInTheLog starts optin with a log, in which is the consent of ada@people.test. Flags are those of withLog.
func oneConsentInTheLog(t *testing.T, flags ...string) (*env, *actor) {
	t.Helper()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.withLog(flags...)
	a := e.start()
	a.SignUp("ada@people.test")
	a.Confirm(confirmLink(a.Email("ada@people.test")))
	a.logged(1)
	return e, a
}

// forget makes the store lose everything, as a disk or a wrong command does.
func (e *env) forget(redis *redisChild) {
	e.t.Helper()
	if redis != nil {
		redis.ask("FLUSHALL")
		redis.kill()
		redis.start()
		return
	}
	name := strings.TrimPrefix(e.store, "sqlite://")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(name + suffix); err != nil && !os.IsNotExist(err) {
			e.t.Fatal(err)
		}
	}
}

// TestAStoreThatLostEverythingIsRestoredFromTheLog is the drill of docs/operations.md.
// drillOnEachStore runs a drill that has the store lose data: SQLite's file, or the server of Redis; nil with SQLite.
func drillOnEachStore(t *testing.T, drill func(t *testing.T, e *env, redis *redisChild)) {
	t.Run("sqlite", func(t *testing.T) {
		drill(t, newEnv(t, "sqlite://"+t.TempDir()+"/optin.db"), nil)
	})
	t.Run("redis", func(t *testing.T) {
		redis := redisServer(t)
		drill(t, newEnv(t, redis.url()), redis)
	})
}

func TestAStoreThatLostEverythingIsRestoredFromTheLog(t *testing.T) {
	t.Parallel()
	drill := func(t *testing.T, e *env, redis *redisChild) {
		n := size(24, 2000)
		e.withLog()
		p, a := e.spawn(e.listen)
		who := func(i int) string { return fmt.Sprintf("person%d@people.test", i) }
		before, receipts := map[string]subscription{}, map[string]string{}
		leaves := int64(0)
		for i := range n {
			if code := a.SignUp(who(i)); code != http.StatusAccepted {
				t.Fatal(code)
			}
			link := confirmLink(a.Email(who(i)))
			if i%8 == 7 {
				a.post(path(link)+"/decline", "", nil)
				leaves++
				continue
			}
			a.Confirm(link)
			leaves++
			is := a.Lookup(who(i))
			switch i % 8 {
			case 3:
				a.Withdraw(is.UnsubscribeURL)
				leaves++
			case 2:
				a.told("/objections", `{"email":"`+who(i)+`"}`)
				leaves++
			case 5:
				a.delete("/subscriptions/" + is.ID)
				leaves++
			case 6: // a refusal outlives the erasure
				a.Withdraw(is.UnsubscribeURL)
				a.delete("/subscriptions/" + is.ID)
				leaves += 2
			default:
				receipts[is.ID] = string(a.get("/v1/sites/gazette/subscriptions/" + is.ID + "/receipt"))
			}
		}
		a.told("/objections", `{"email":"unknown@people.test"}`)
		a.told("/objections", `{"email":"unknown@people.test","channel":"sms"}`)
		leaves += 2
		for i := range n {
			before[who(i)] = a.Lookup(who(i))
		}
		a.logged(leaves)
		p.kill() // it does not matter how it ends
		e.forget(redis)

		out, _ := e.optin(exitOK, "restore", "-json")
		var did restored
		e.must(json.Unmarshal([]byte(out), &did))
		if did.Leaves != leaves || did.Subscriptions == 0 || did.Texts == 0 {
			t.Errorf("%s, want %d leaves", out, leaves)
		}
		again, _ := e.optin(exitOK, "restore", "-json")
		var twice restored
		if e.must(json.Unmarshal([]byte(again), &twice)); twice.Subscriptions != 0 {
			t.Errorf("a second time %s", again)
		}
		p = e.launch(e.listen)
		a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
		for i := range n {
			is, was := a.Lookup(who(i)), before[who(i)]
			if is.State != was.State || is.ID != was.ID || is.UnsubscribeURL != was.UnsubscribeURL {
				t.Errorf("%s: %+v, and was %+v", who(i), is, was)
			}
			if len(is.Purposes) != len(was.Purposes) || len(is.Purposes) > 0 && is.Purposes[0] != was.Purposes[0] {
				t.Errorf("%s: %v, and was %v", who(i), is.Purposes, was.Purposes)
			}
		}
		for id, receipt := range receipts {
			if got := string(a.get("/v1/sites/gazette/subscriptions/" + id + "/receipt")); got != receipt {
				t.Errorf("the receipt of %s is another", id)
			}
		}
		// IPs are networks now, and every dossier still holds.
		jwks, key := t.TempDir()+"/jwks.json", strings.TrimSpace(first(e.optin(exitOK, "log", "key")))
		e.must(os.WriteFile(jwks, a.get("/.well-known/jwks.json"), 0o600))
		for i := range 8 {
			if i == 5 { // erased
				continue
			}
			zip := fmt.Sprintf("%s/%d.zip", t.TempDir(), i)
			e.optin(exitOK, "dossier", "-o", zip, who(i))
			var out, errs strings.Builder
			args := []string{"verify", "dossier", "-keys", jwks, "-key", key, zip}
			if code := run(t.Context(), args, lookup(nil), &out, &errs); code != exitOK {
				t.Errorf("the dossier of %s: %s%s", who(i), out.String(), errs.String())
			}
		}
		// Who declined or objected gets no email, and the log goes on.
		refused := []string{who(7), who(2), "unknown@people.test"}
		var sent []int
		for _, email := range refused {
			sent = append(sent, e.emailsTo(email))
			a.SignUp(email)
		}
		a.SignUp("new@people.test")
		a.Confirm(confirmLink(a.Email("new@people.test")))
		for i, email := range refused {
			if e.emailsTo(email) != sent[i] {
				t.Errorf("%s, who refused, gets an email after the restore", email)
			}
		}
		a.logged(leaves + 1)
		if code := p.stop(); code != exitOK {
			t.Errorf("exit %d: %s", code, p.stderr)
		}
	}
	drillOnEachStore(t, drill)
}

// A log from which nothing can be restored leaves a store that lost its data refused.
func TestARestoreThatFailsAcceptsNoLoss(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.withLog()
	e.write(e.listen)
	p := e.launch(e.listen)
	a := e.actor(e.listen)
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	a.SignUp("ada@people.test")
	a.Confirm(confirmLink(a.Email("ada@people.test")))
	a.logged(1)
	p.stop()
	e.forget(nil)
	log := e.parse().Log.Path
	e.must(os.Rename(log, log+".lost"))
	if _, errs := e.optin(exitFailed, "restore"); !strings.Contains(errs, "nothing is restored") {
		t.Error(errs)
	}
	e.must(os.RemoveAll(log))
	e.must(os.Rename(log+".lost", log))
	p = e.launch(e.listen)
	a.eventually("it answers", func() bool { return a.status("/healthz") == http.StatusOK })
	a.refusesWithin(2*time.Second, "the store has lost its data")
	p.stop()
	e.optin(exitOK, "restore")
	if out, _ := e.optin(exitOK, "show", "ada@people.test"); !strings.Contains(out, "confirmed") {
		t.Error(out)
	}
}

// TestARestoreThatIsKilledLeavesTheStoreRefusedAndGoesOn kills it (SIGKILL) as soon as it has begun to fill the store.
func TestARestoreThatIsKilledLeavesTheStoreRefusedAndGoesOn(t *testing.T) {
	t.Parallel()
	drill := func(t *testing.T, e *env, redis *redisChild) {
		const people = 16
		e.withLog()
		p, a := e.spawn(e.listen)
		who := func(i int) string { return fmt.Sprintf("person%d@people.test", i) }
		for i := range people {
			a.SignUp(who(i))
			a.Confirm(confirmLink(a.Email(who(i))))
		}
		a.logged(people)
		p.kill()
		killed := false
		for range 10 { // it may be too quick for us
			e.forget(redis)
			if killed = e.killedRestore(); killed {
				break
			}
		}
		if !killed {
			t.Fatal("each restore had ended before it could be killed")
		}
		p = e.launch(e.listen)
		a.eventually("it answers", func() bool { return a.status("/healthz") == http.StatusOK })
		a.refusesWithin(2*time.Second, "a restore which began")
		p.stop()
		e.optin(exitOK, "restore")
		p = e.launch(e.listen)
		a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
		for i := range people {
			if is := a.Lookup(who(i)); is.State != "confirmed" {
				t.Errorf("%s is %q", who(i), is.State)
			}
		}
		a.SignUp("new@people.test")
		a.Confirm(confirmLink(a.Email("new@people.test")))
		a.logged(people + 1)
		p.stop()
	}
	drillOnEachStore(t, drill)
}

// killedRestore starts a restore and kills it once it has marked the store. It reports whether it had not ended.
func (e *env) killedRestore() bool {
	e.t.Helper()
	st, err := openStore(e.t.Context(), e.parse().Store, slog.New(slog.DiscardHandler))
	e.must(err)
	defer st.Close()
	p := child(e.t, []string{"OPTIN_TEST_MAIN=1"}, os.Args[0], "restore", "-config", e.configPath)
	restoring := func() bool {
		mark, _, err := st.Mark(e.t.Context())
		return err == nil && strings.Contains(string(mark), "restoring")
	}
	for deadline := time.Now().Add(20 * time.Second); !restoring() && time.Now().Before(deadline); {
		select {
		case <-p.done:
			return false
		default:
		}
	}
	p.kill()
	return restoring()
}

// A change that is not in the log yet may be an erasure.
func TestNothingIsRestoredWhileChangesAreNotInTheLog(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.withLog()
	e.write(e.listen)
	p, a := e.launch(e.listen), e.actor(e.listen)
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	a.SignUp("ada@people.test")
	a.Confirm(confirmLink(a.Email("ada@people.test")))
	a.logged(1)
	id := a.Lookup("ada@people.test").ID
	p.stop()
	c, err := openCore(t.Context(), e.parse())
	e.must(err)
	e.must(c.service.Website.Erase(t.Context(), "gazette", id)) // its leaf waits
	e.must(c.store.Close())
	if _, errs := e.optin(exitFailed, "restore"); !strings.Contains(errs, "not in the log yet") {
		t.Error(errs)
	}
	p = e.launch(e.listen)
	a.logged(2)
	p.stop()
	e.optin(exitOK, "restore")
	if _, errs := e.optin(exitRefused, "show", "ada@people.test"); !strings.Contains(errs, "nothing is known") {
		t.Error(errs)
	}
}

// first returns what a command printed, without its errors.
func first(stdout, _ string) string { return stdout }

// told posts what a person told the website.
func (a *actor) told(path, body string) {
	a.t.Helper()
	if resp := a.call(http.MethodPost, path, body, nil); resp.StatusCode != http.StatusOK {
		a.t.Fatal(resp.Status)
	}
}

func (a *actor) delete(path string) {
	a.t.Helper()
	if resp := a.call(http.MethodDelete, path, "", nil); resp.StatusCode != http.StatusNoContent {
		a.t.Fatal(resp.Status)
	}
}

func TestProofsAreVerifiedOffline(t *testing.T) {
	e, a := oneConsentInTheLog(t)
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		e.must(os.WriteFile(dir+"/"+name, b, 0o600))
		return dir + "/" + name
	}
	id := a.Lookup("ada@people.test").ID
	receipt := a.get("/v1/sites/gazette/subscriptions/" + id + "/receipt")
	jwks := put("jwks.json", a.get("/.well-known/jwks.json"))
	checkpoint := a.get("/log/checkpoint")
	printed, _ := e.optin(exitOK, "log", "checkpoint")
	key, _ := e.optin(exitOK, "log", "key")
	if printed != string(checkpoint) {
		t.Errorf("%s and %s", printed, checkpoint)
	}
	verify := func(want int, says string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		got := run(t.Context(), append([]string{"verify"}, args...), lookup(nil), &out, &errs)
		if got != want || !strings.Contains(out.String()+errs.String(), says) {
			t.Errorf("optin verify %v: %d, %s%s; want %d, %s", args, got, out.String(), errs.String(), want, says)
		}
	}
	verify(exitOK, `"Receive the monthly letter"`, "receipt", "-keys", jwks, put("receipt.jwt", receipt))
	receipt[len(receipt)-20] ^= 1
	verify(exitFailed, "DOES NOT HOLD", "receipt", "-keys", jwks, put("changed.jwt", receipt))
	kept, log := put("kept", checkpoint), e.parse().Log.Path
	key = strings.TrimSpace(key)
	verify(exitOK, "1 leaves", "log", "-key", key, "-since", kept, log)
	a.SignUp("bob@people.test")
	a.Confirm(confirmLink(a.Email("bob@people.test")))
	a.logged(2)
	verify(exitOK, "only grew", "log", "-since", kept, "-key", key, log)
	tile := log + "/tile/0/000"
	b, err := os.ReadFile(tile)
	e.must(err)
	b[3] ^= 1
	e.must(os.WriteFile(tile, b, 0o600))
	verify(exitFailed, "leaf 0", "log", "-key", key, log)
	verify(exitUsage, "-key is missing", "log", log)
	verify(exitUsage, "optin verify checks", "nothing")
	verify(exitUsage, "takes one argument", "receipt")
	if _, err := consentlog.Verify(log, key, nil, nil); err == nil {
		t.Error("a changed log verifies")
	}
}
