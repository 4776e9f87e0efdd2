package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/readiness"
)

// body returns the status and the body of a GET.
func (a *actor) body(path string) (int, string) {
	a.t.Helper()
	resp, err := http.Get(a.base + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 64<<10)
	n, _ := resp.Body.Read(b)
	return resp.StatusCode, string(b[:n])
}

// refusesWithin waits until /readyz says no, and gives the reason; that takes two seconds at most.
func (a *actor) refusesWithin(d time.Duration, reason string) {
	a.t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		status, body := a.body("/readyz")
		if status == http.StatusServiceUnavailable && strings.Contains(body, reason) {
			return
		}
		if time.Since(begun) > d {
			a.t.Fatalf("after %v /readyz says %d %s, want %s", d, status, body, reason)
		}
	}
}

// Whatever a server that evicts has acknowledged may be gone the next moment.
func TestAServerThatBeginsToEvictAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	e.topYAML = "metrics: {listen: \"127.0.0.1:0\"}\n"
	log := &childtest.Buffer{}
	a := e.startLogging(log)
	if code := a.SignUp("before@reader.example"); code != http.StatusAccepted {
		t.Fatalf("before: %d", code)
	}
	link := confirmLink(a.Email("before@reader.example"))
	for _, command := range []string{"CONFIG SET maxmemory 3mb", "CONFIG SET maxmemory-policy allkeys-lru"} {
		if reply := server.ask(command); reply != "+OK\r\n" {
			t.Fatalf("%s: %s", command, reply)
		}
	}
	a.refusesWithin(2*time.Second, "unsafe: store: maxmemory-policy is allkeys-lru, must be noeviction")
	for i := range size(300, 6000) {
		if code := a.SignUp(addressOf(i)); code != http.StatusServiceUnavailable {
			t.Fatalf("signup %d: %d", i, code)
		}
	}
	if code, _ := a.Confirm(link); code != http.StatusServiceUnavailable {
		t.Errorf("a confirmation: %d", code)
	}
	if !strings.Contains(log.String(), `"msg":"the store is not ready"`) ||
		!strings.Contains(log.String(), "maxmemory-policy is allkeys-lru") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	server.ask("CONFIG SET maxmemory-policy noeviction")
	server.ask("CONFIG SET maxmemory 0")
	server.ask("CONFIG RESETSTAT") // what it has evicted, if anything, is known
	a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	if code := a.SignUp("after@reader.example"); code != http.StatusAccepted {
		t.Errorf("afterwards: %d", code)
	}
}

// A server that stands still is refused as soon as one that is away, and /readyz says so; then it goes on.
func TestAServerThatStandsStillIsNotReady(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]string{
		"a long command": "DEBUG SLEEP 6", "paused": "CLIENT PAUSE 6000",
		"paused for writes": "CLIENT PAUSE 6000 WRITE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redisServer(t, "--enable-debug-command", "yes")
			a := newEnv(t, server.url()).start()
			if code := a.SignUp("before@reader.example"); code != http.StatusAccepted {
				t.Fatalf("before: %d", code)
			}
			go server.ask(stop)
			time.Sleep(100 * time.Millisecond)
			began := time.Now()
			if code := a.SignUp("meanwhile@reader.example"); code != http.StatusServiceUnavailable {
				t.Errorf("a signup: %d", code)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it was refused after %v", took)
			}
			a.refusesWithin(3*time.Second, "unavailable")
			a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
			if code := a.SignUp("after@reader.example"); code != http.StatusAccepted {
				t.Errorf("afterwards: %d", code)
			}
		})
	}
}

// What fails for every signup is not ready: another program's key in the place of all jobs, or of the index of a site.
func TestAKeyOfAnotherProgramIsNotReady(t *testing.T) {
	t.Parallel()
	for key, noticed := range map[string]string{"o{0}j": "before a signup", "o{0}igazette/pending": "by a signup"} {
		t.Run(noticed, func(t *testing.T) {
			server := redisServer(t)
			a := newEnv(t, server.url()).start()
			if reply := server.ask("SET " + key + " x"); reply != "+OK\r\n" {
				t.Fatal(reply)
			}
			if noticed == "by a signup" {
				if code := a.SignUp("ada@reader.example"); code != http.StatusServiceUnavailable {
					t.Errorf("a signup: %d", code)
				}
			}
			a.refusesWithin(2*time.Second, `unsafe: store: the key "`+key+`" is a string`)
			server.ask("DEL " + key)
			a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
			if code := a.SignUp("grace@reader.example"); code != http.StatusAccepted {
				t.Errorf("afterwards: %d", code)
			}
		})
	}
}

// Each server of a Cluster that is away says so in words of its own, by turns, and one line is enough.
func TestAStoreThatIsAwayIsOneLineThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{
		"a server":  "redis://" + childtest.FreeAddr(t) + "/0",
		"a Cluster": "redis+cluster://" + childtest.FreeAddr(t) + "," + childtest.FreeAddr(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, log := newEnv(t, store), &childtest.Buffer{}
			a := e.startLogging(log)
			for range 3 { // a Cluster is asked in any order
				time.Sleep(readiness.Every)
				a.refusesWithin(2*time.Second, "unavailable")
			}
			if n := strings.Count(log.String(), `"the store is not ready"`); n != 1 ||
				!strings.Contains(log.String(), "check that it runs") {
				t.Errorf("%d lines:\n%s", n, log)
			}
		})
	}
}

// A server that is full keeps a withdrawal, and refuses what is new.
func TestAFullServerTakesWithdrawalsAndDeclines(t *testing.T) {
	server := redisServer(t)
	e := newEnv(t, server.url())
	a := e.start()
	for _, email := range []string{"ada@reader.example", "grace@reader.example", "alan@reader.example"} {
		a.SignUp(email)
	}
	a.Confirm(confirmLink(a.Email("alan@reader.example")))
	passedOn := a.idOf("alan@reader.example")
	link, other := confirmLink(a.Email("ada@reader.example")), confirmLink(a.Email("grace@reader.example"))
	if code, _ := a.Confirm(link); code != http.StatusOK {
		t.Fatal(code)
	}
	unsubscribe := a.Lookup("ada@reader.example").UnsubscribeURL
	server.ask("CONFIG SET maxmemory 1mb")
	a.refusesWithin(2*time.Second, "OOM command not allowed")
	if code := a.SignUp("new@reader.example"); code != http.StatusServiceUnavailable {
		t.Errorf("a signup: %d", code)
	}
	a.takesBack(unsubscribe, passedOn, other)
	a.statesAre(map[string]string{
		"ada@reader.example": "withdrawn", "grace@reader.example": "declined", "alan@reader.example": "withdrawn",
	})
}

// takesBack withdraws one consent by its link, another one for the website, and declines a third.
func (a *actor) takesBack(unsubscribe, subscription, confirm string) {
	a.t.Helper()
	if code := a.Withdraw(unsubscribe); code != http.StatusOK {
		a.t.Errorf("a withdrawal: %d", code)
	}
	passedOn := a.call("POST", "/subscriptions/"+subscription+"/withdraw", "{}", nil)
	if passedOn.StatusCode != http.StatusOK {
		a.t.Errorf("a withdrawal that the website passes on: %v", passedOn.Status)
	}
	decline, err := http.Post(a.base+path(confirm)+"/decline", "", nil)
	if err != nil || decline.StatusCode != http.StatusOK {
		a.t.Errorf("a decline: %v, %v", decline, err)
	}
}

// statesAre fails unless the state of everybody is as it should be.
func (a *actor) statesAre(all map[string]string) {
	a.t.Helper()
	for email, want := range all {
		if state := a.Lookup(email).State; state != want {
			a.t.Errorf("%s is %s, want %s", email, state, want)
		}
	}
}

// A process goes on writing into a file that was deleted or replaced, as if nothing had happened.
func TestAFileThatIsDeletedOrReplacedAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(file string) error{
		"deleted": os.Remove,
		"replaced": func(file string) error {
			return os.Rename(filepath.Join(filepath.Dir(file), "other"), file)
		},
		"its log deleted": func(file string) error { return os.Remove(file + "-wal") },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "optin.db")
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), "other"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			e := newEnv(t, "sqlite://"+file)
			a := e.start()
			if code := a.SignUp("before@reader.example"); code != http.StatusAccepted {
				t.Fatalf("before: %d", code)
			}
			e.must(spoil(file))
			a.refusesWithin(2*time.Second, "unsafe: store: ")
			if code := a.SignUp("after@reader.example"); code != http.StatusServiceUnavailable {
				t.Errorf("a signup: %d", code)
			}
		})
	}
}
