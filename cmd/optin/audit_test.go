package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/optin/optin/internal/audit"
)

// What commands and keys do is in the audit log that optin audit prints, newest first.
func TestTheAuditLogHasWhatCommandsDo(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		a := e.start()
		e.must(os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600))
		a.SignUp("ada@example.org")
		a.Email("ada@example.org")
		id := a.Lookup("ada@example.org").ID
		optin := func(args ...string) string {
			t.Helper()
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, lookup(nil), &out, &errs); code != exitOK {
				t.Fatalf("%v: %d %s", args, code, errs.String())
			}
			return out.String()
		}
		optin("show", "-config", e.configPath, "ada@example.org")
		optin("audit", "-config", e.configPath)
		var acts []string
		for line := range strings.Lines(optin("audit", "-config", e.configPath, "-json")) {
			var entry audit.Entry
			e.must(json.Unmarshal([]byte(line), &entry))
			acts = append(acts, string(entry.By)+" "+string(entry.Act)+" "+entry.Subscription)
		}
		want := []string{"command audit ", "command audit ", "command look " + id}
		if strings.Join(acts, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q, want %q", acts, want)
		}
		if got := optin(
			"audit",
			"-config",
			e.configPath,
			"-act",
			"look",
		); !strings.Contains(got, id) ||
			strings.Contains(got, "audit") {
			t.Error(got)
		}
		var out, errs bytes.Buffer
		if code := run(
			t.Context(),
			[]string{"audit", "-config", e.configPath, "-act", "x"},
			lookup(nil),
			&out,
			&errs,
		); code != exitUsage {
			t.Errorf("an act that is none: %d", code)
		}
	})
}
