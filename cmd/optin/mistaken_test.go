package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refuses runs commands that must fail, and say why.
func (e *env) refuses(why string, commands ...[]string) {
	e.t.Helper()
	for _, args := range commands {
		p := command(e.t, append(args, "-config", e.configPath)...)
		code := p.wait()
		if said := p.stdout.String() + p.stderr.String(); code == exitOK || !strings.Contains(said, why) {
			e.t.Errorf("%v: %d, not %q: %s", args, code, why, said)
		}
	}
}

// A store that has lost its data would be taken for a new one.
func TestAKnownStoreThatCannotBeReadIsNoneThatIsUnknown(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	p, a := e.spawn(e.listen)
	a.SignUp("ada@reader.example")
	a.Email("ada@reader.example")
	p.stop()
	known := e.configPath + ".store"
	whole, err := os.ReadFile(known)
	e.must(err)
	for name, garbled := range map[string][]byte{
		"emptied": nil, "cut off": whole[:len(whole)/2], "of something else": []byte("hello\n"),
		"of nobody": []byte("{}"),
	} {
		e.must(os.WriteFile(known, garbled, 0o600))
		e.refuses("known_store "+known+" cannot be read as what optin wrote",
			[]string{"serve"}, []string{"check", "-dns=false"}, []string{"store", "accept-empty"})
		if now, err := os.ReadFile(known); err != nil || string(now) != string(garbled) {
			t.Errorf("%s: it became %q, %v", name, now, err)
		}
	}
	e.must(os.Remove(known)) // as the message says
	p, a = e.spawn(e.listen)
	if a.Lookup("ada@reader.example").State != "pending" {
		t.Error("the store is another")
	}
	p.stop()
	if now, err := os.ReadFile(known); err != nil || string(now) != string(whole) {
		t.Errorf("it is not written anew: %q, %v", now, err)
	}
}

func TestAMistypedPathOfTheLogIsNoticed(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		e.withLog()
		p, a := e.spawn(e.listen)
		a.SignUp("ada@people.test")
		a.Confirm(confirmLink(a.Email("ada@people.test")))
		a.logged(1)
		check := []string{"check", "-dns=false"}
		said, _ := e.optin(exitOK, check...)
		if path := e.parse().Log.Path; !strings.Contains(said, "ok     consent log    "+path) {
			t.Errorf("of the right one check says: %s", said)
		}
		keys := e.parse().Log.Path + ".keys"
		e.must(os.Rename(keys, keys+".copy"))
		said, _ = e.optin(exitFailed, check...)
		if !strings.Contains(said, "WRONG  consent log") || !strings.Contains(said, keys+" lacks 1 of 1 keys") {
			t.Errorf("without the file of keys check says: %s", said)
		}
		a.eventually("an alarm about the keys", func() bool {
			return strings.Contains(p.stderr.String(), keys+" lacks 1 of 1 keys")
		})
		e.must(os.Rename(keys+".copy", keys))
		p.stop()

		right := e.topYAML
		e.topYAML = strings.Replace(right, "/log}", "/lgo}", 1)
		mistyped := e.parse().Log.Path
		said, _ = e.optin(exitOK, check...)
		if !strings.Contains(said, "warn   consent log    "+mistyped) ||
			!strings.Contains(said, "It has 0 records, and the store knows a log of 1") {
			t.Errorf("of a mistyped one check says: %s", said)
		}
		if _, err := os.Stat(mistyped); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("check made a folder: %v", err)
		}
		p, a = e.spawn(e.listen) // as one process of several, which need one log
		a.SignUp("cara@people.test")
		a.Confirm(confirmLink(a.Email("cara@people.test")))
		a.eventually("an alarm", func() bool {
			return strings.Contains(p.stderr.String(), "this is not the log whose head is known")
		})
		p.stop()

		log, receipts, _ := strings.Cut(right, "\n")
		e.topYAML = receipts
		if said, _ := e.optin(exitOK, check...); !strings.Contains(said, "The store knows a log of 1 records") {
			t.Errorf("without %s check says: %s", log, said)
		}
		e.topYAML = right
		p, a = e.spawn(e.listen)
		a.SignUp("bob@people.test")
		a.Confirm(confirmLink(a.Email("bob@people.test")))
		a.logged(3)
		p.stop()
	})
}
