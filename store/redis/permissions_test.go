package redis

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/optin/optin/store"
)

// A user who may not run one of the commands is found before somebody's signup meets it.
func TestAUserWithoutOneOfTheCommandsIsUnsafe(t *testing.T) {
	server := startServer(t)
	s := open(t, Options{Location: at(server.url())})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, command := range commandsUsed(t) {
		each(t, only(server), "acl", "setuser", "default", "-"+command)
		var u *store.UnsafeError
		err := s.Ready(t.Context())
		if !errors.As(err, &u) || u.Setting != "the user's permissions" || !strings.Contains(u.Words, "NOPERM") ||
			!strings.Contains(strings.ToLower(u.Words), command) {
			t.Errorf("without %s: %v", command, err)
		}
		each(t, only(server), "acl", "setuser", "default", "+"+command)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("with all of them: %v", err)
	}
}

// commandsUsed returns the commands that the scripts run; those beside scripts are among them, but for two.
func commandsUsed(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{"exists": true, "hmget": true}
	for _, one := range scripts() {
		for _, found := range regexp.MustCompile(`call\('([A-Z]+)'`).FindAllStringSubmatch(one.body, -1) {
			seen[strings.ToLower(found[1])] = true
		}
	}
	if len(seen) < 25 {
		t.Fatalf("found only %v", seen)
	}
	var all []string
	for name := range seen {
		all = append(all, name)
	}
	return all
}
