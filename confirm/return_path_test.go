package confirm_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
)

// hard reports that an email will never arrive, by its return path.
func (env *env) hard(path string) error {
	return env.Relay.Report(env.t.Context(), confirm.Report{
		ReturnPath: path, Kind: confirm.ReportHard, Words: "5.1.1 no such user",
	})
}

func TestAReturnPathBelongsToOneEmailAndIsTheSameAtEachAttempt(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	job := env.emails(1)[0]
	first, err := env.Relay.Message(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := env.Relay.Message(t.Context(), job)
	env.signUp("bob@example.org", "letter")
	other := env.email()
	path := first.ReturnPath
	if path != second.ReturnPath || path == other.ReturnPath {
		t.Errorf("%q, %q again, %q of another email", path, second.ReturnPath, other.ReturnPath)
	}
	if len(path) > 64 || path[:2] != "b-" || strings.Trim(path, "abcdefghijklmnopqrstuvwxyz234567-") != "" {
		t.Errorf("%q", path)
	}
}

func TestAForgedReturnPathIsNotOurs(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	path := env.email().ReturnPath
	forged := []string{
		"b-", path[2:], "B_" + path[2:], path + "a", path[:len(path)-1], path + "=", " " + path, path + "\n",
		path[:20] + "\r" + path[20:], path[:20] + "\n" + path[21:], path + "@confirm.example",
		strings.Repeat("b-", 1<<20), "b-" + strings.Repeat("a", len(path)-2), strings.Replace(path, "b-", "b+", 1),
		"b-" + strings.ReplaceAll(path[2:], "i", "1"), "\u212a" + path[1:], // Kelvin's K is k in lower case
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	for i := 2; i < len(path); i++ { // each character another: the last one has bits that mean nothing
		for _, c := range alphabet {
			forged = append(forged, path[:i]+string(c)+path[i+1:])
		}
	}
	for _, p := range forged {
		if p == path {
			continue
		}
		if err := env.hard(p); !errors.Is(err, token.ErrNotOurs) {
			t.Fatalf("%q: %v", p, err)
		}
	}
	if got := env.state("ada@example.org"); got != consent.Pending {
		t.Fatalf("the state is %q", got)
	}
	if err := env.hard(strings.ToUpper(path)); err != nil { // mail systems may do that
		t.Error(err)
	}
	if got := env.state("ada@example.org"); got != consent.Undeliverable {
		t.Errorf("the state is %q", got)
	}
}

func TestAReturnPathIsAcceptedUnderEveryListedSecretAndOnlyAtItsSite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "o")
	before.signUp("ada@example.org", "letter")
	bounce := before.email().ReturnPath
	renamed := func(o *confirm.Options) { o.Sites[0].ID = "renamed" }
	for name, env := range map[string]*env{
		"another secret": open(t, path, "n"),
		"another site":   openWith(t, path, renamed, "o"),
	} {
		if err := env.hard(bounce); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	during := open(t, path, "n", "o")
	if err := during.hard(bounce); err != nil {
		t.Fatal(err)
	}
	if got := during.state("ada@example.org"); got != consent.Undeliverable {
		t.Errorf("the state is %q", got)
	}
}
