package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/store"
)

// fails runs a command with -json beside the service, and returns the error that it writes for programs.
func (e *env) fails(want int, args ...string) (code string, said map[string]any) {
	e.t.Helper()
	out, errs := e.optin(want, append(slices.Clone(args), "-json")...)
	var is struct{ Error map[string]any }
	if err := json.Unmarshal([]byte(errs), &is); err != nil || out != "" || is.Error["detail"] == "" {
		e.t.Fatalf("optin %v: %v: %s%s", args, err, out, errs)
	}
	code, _ = is.Error["code"].(string)
	return code, is.Error
}

// says runs a command with -json beside the service, and reads what it writes into v.
func (e *env) says(v any, args ...string) {
	e.t.Helper()
	out, errs := e.optin(exitOK, append(slices.Clone(args), "-json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil || errs != "" {
		e.t.Fatalf("optin %v: %v: %s%s", args, err, out, errs)
	}
}

// Each act on a person works beside the running service, as that of the API does, and is in the audit log with who did
// it.
func TestCommandsActOnPeopleBesideTheService(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		a := e.start()
		who := func(name string) string { return name + "@people.test" }
		for _, name := range []string{"ada", "bob", "eve"} {
			a.SignUp(who(name))
			a.Confirm(confirmLink(a.Email(who(name))))
		}

		a.SignUp(who("dan"))
		a.Email(who("dan"))
		dan := a.Lookup(who("dan")).ID
		code, why := e.fails(exitRefused, "resend", dan)
		if at, err := time.Parse(time.RFC3339, why["possible_at"].(string)); err != nil || code != "not_due" ||
			why["reason"] != "limit_reached" || !at.After(time.Now()) || why["id"] != dan {
			t.Errorf("%s %v", code, why)
		}
		_, words := e.optin(exitRefused, "resend", who("dan"))
		if !strings.Contains(words, "Not yet: they had as many emails as the limits allow for now. Possible in") {
			t.Error(words)
		}
		_, words = e.optin(exitRefused, "resend", who("ada"))
		if words != "optin resend: Not possible: they have confirmed already.\n" {
			t.Error(words)
		}

		var is subscription
		e.says(&is, "withdraw", "-by", "ada of support", "-reason", "ticket 7", "-method", "by phone",
			"-at", "2026-01-02", who("ada"))
		if is.State != "withdrawn" || a.Lookup(who("ada")).State != "withdrawn" {
			t.Errorf("%+v", is)
		}
		out, _ := e.optin(exitOK, "show", who("ada"))
		if !strings.Contains(out, "by phone") || !strings.Contains(out, "withdrawn") {
			t.Error(out)
		}
		a.eventually("the website is told", func() bool { return len(hook.eventsAbout(who("ada"))) == 2 })

		var accepted map[string]string
		e.says(&accepted, "object", "-method", "by post", who("bob"))
		e.says(&accepted, "object", who("nobody"))
		if accepted["status"] != "accepted" || a.Lookup(who("bob")).State != "declined" {
			t.Errorf("%v, %+v", accepted, a.Lookup(who("bob")))
		}
		sent := e.emailsTo(who("nobody"))
		a.SignUp(who("nobody"))

		list := filepath.Join(t.TempDir(), "list")
		e.must(os.WriteFile(list, []byte(who("eve")+"\n\n"+dan+"\n"), 0o600))
		var did erased
		e.says(&did, "erase", "-from", list)
		if len(did.Erased) != 2 || did.Erased[1] != dan || len(did.Unknown) != 0 || a.Lookup(who("eve")).State != "" {
			t.Errorf("%+v", did)
		}
		if e.emailsTo(who("nobody")) != sent {
			t.Error("who objected gets an email")
		}

		var acts []string
		lines, _ := e.optin(exitOK, "audit", "-json")
		for line := range strings.Lines(lines) {
			var entry audit.Entry
			e.must(json.Unmarshal([]byte(line), &entry))
			if entry.By == audit.Command && entry.Act != audit.Look && entry.Act != audit.Audit {
				acts = append(acts, string(entry.Act))
				if entry.Act == audit.Object && !store.IsID(entry.Subscription) {
					t.Errorf("%+v", entry)
				}
				if entry.Act == audit.Withdraw &&
					(!strings.HasPrefix(entry.Name, "ada of support (") || entry.Reason != "ticket 7") {
					t.Errorf("%+v", entry)
				}
			}
		}
		if got := strings.Join(acts, " "); got != "erase erase object object withdraw resend resend resend" {
			t.Error(got)
		}
	})
}

func TestAnExportIsThatOfTheAPI(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		a := e.start()
		for i := range 5 {
			a.SignUp(addressOf(i))
		}
		dir := t.TempDir()
		for _, format := range []string{"ndjson", "csv"} {
			want := string(a.get("/v1/sites/gazette/export?format=" + format))
			out, errs := e.optin(exitOK, "export", "-format", format)
			if out != want || errs != "" || strings.Count(out, "people") < 5 {
				t.Errorf("%s%s, want %s", out, errs, want)
			}
			var did exported
			file := filepath.Join(dir, format)
			e.says(&did, "export", "-format", format, "-o", file)
			if b, err := os.ReadFile(file); err != nil || string(b) != want || did != (exported{5, 0, file}) {
				t.Errorf("%+v, %v: %s", did, err, b)
			}
			if code, _ := e.fails(exitFailed, "export", "-o", file); code != "failed" {
				t.Error(code)
			}
		}
		if code, _ := e.fails(exitUsage, "export", "-format", "xml"); code != "usage" {
			t.Error(code)
		}
	})
}

// What a command refuses, it refuses as the API does, with the same codes and in JSON where that is asked for.
func TestCommandsSayWhatIsWrongForPrograms(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	a := e.start()
	const ada = "ada@people.test"
	a.SignUp(ada)
	a.Confirm(confirmLink(a.Email(ada)))
	for _, row := range []struct {
		exit int
		code string
		args []string
	}{
		{exitUsage, "purpose_unknown", []string{"withdraw", "-purposes", "letter,offers", ada}},
		{exitUsage, "purpose_unknown", []string{"object", "-purposes", "offers", ada}},
		{exitUsage, "choice_unknown", []string{"withdraw", "-channel", "fax", ada}},
		{exitUsage, "time_invalid", []string{"object", "-at", "yesterday", ada}},
		{exitUsage, "time_in_the_future", []string{"object", "-at", "2999-01-01", ada}},
		{exitUsage, "text_too_long", []string{"withdraw", "-method", strings.Repeat("x", 257), ada}},
		{exitUsage, "usage", []string{"withdraw", "-by", "ada\nby", ada}},
		{exitUsage, "usage", []string{"withdraw"}},
		{exitUsage, "usage", []string{"object", "AAAAAAAAAAAAAAAAAAAAAA"}},
		{exitUsage, "usage", []string{"erase"}},
		{exitUsage, "usage", []string{"erase", "-from", "/nowhere"}},
		{exitUsage, "usage", []string{"erase", "ada@"}},
		{exitUsage, "usage", []string{"erase", "-nothing", ada}},
		{exitUsage, "usage", []string{"erase", "-replay", "-from", "list"}},
		{exitUsage, "usage", []string{"erase", "-replay", "-site", "gazette"}},
		{exitUsage, "configuration", []string{"show", "-site", "club", ada}},
		{exitRefused, "unknown", []string{"erase", "nobody@people.test"}},
		{exitRefused, "unknown", []string{"resend", "nobody@people.test"}},
		{exitRefused, "unknown", []string{"withdraw", "no id"}},
		{exitRefused, "unknown", []string{"dossier", "-AAAAAAAAAAAAAAAAAAAAA"}},
	} {
		if code, said := e.fails(row.exit, row.args...); code != row.code {
			t.Errorf("optin %v: %v, want %s", row.args, said, row.code)
		}
	}
	if a.Lookup(ada).State != "confirmed" {
		t.Error("something was changed")
	}
	if log, _ := e.optin(exitOK, "audit", "-reason", "a look"); strings.Contains(log, "withdraw") ||
		!strings.Contains(log, "a look") {
		t.Errorf("what was refused is in the audit log: %s", log)
	}
	_, said := e.fails(exitRefused, "erase", "nobody@people.test", "no id")
	if got := fmt.Sprint(said["unknown"]); got != "[nobody@people.test no id]" {
		t.Error(got)
	}
	_, words := e.optin(exitRefused, "erase", "nobody@people.test", "no id")
	if words != "optin erase: nothing is known of nobody@people.test, no id\n" {
		t.Error(words)
	}
	var did erased
	out, _ := e.optin(exitRefused, "erase", "-json", "nobody@people.test", ada)
	e.must(json.Unmarshal([]byte(out), &did))
	if len(did.Erased) != 1 || !slices.Equal(did.Unknown, []string{"nobody@people.test"}) {
		t.Error(out)
	}
}
