package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/consent"
)

// optin runs a command of the program beside the running service, and returns what it printed.
func (e *env) optin(want int, args ...string) (stdout, stderr string) {
	e.t.Helper()
	e.must(os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600))
	var out, errs strings.Builder
	args = append(slices.Clone(args), "-config", e.configPath)
	if got := run(e.t.Context(), args, lookup(nil), &out, &errs); got != want {
		e.t.Fatalf("optin %v: exit %d, want %d: %s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// get returns the body of a response with status 200, asked for with the API key of the site.
func (a *actor) get(path string, headers ...string) []byte {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.base+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("GET %s: %s, %v: %s", path, resp.Status, err, b)
	}
	return b
}

func TestTheTimelineOfAConfirmedPersonIsWhole(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		a := e.start()
		const email = "ada@people.test"
		a.SignUp(email)
		a.Confirm(confirmLink(a.Email(email)))
		a.eventually("the website is told", func() bool { return len(hook.eventsAbout(email)) == 1 })
		id := a.Lookup(email).ID
		var got struct{ Events []consent.Step }
		want := []consent.StepAction{
			consent.StepAsked, consent.StepQueued, consent.StepTaken, consent.StepConfirmed, consent.StepTold,
		}
		a.eventually("that the website was told is kept", func() bool {
			if err := json.Unmarshal(a.get("/v1/sites/gazette/subscriptions/"+id+"/events"), &got); err != nil {
				t.Fatal(err)
			}
			return len(got.Events) == len(want)
		})
		for i, step := range got.Events {
			if step.Action != want[i] || i > 0 && step.At.Before(got.Events[i-1].At) {
				t.Errorf("%d: %+v, want %s", i, step, want[i])
			}
		}
		asked, taken, told := got.Events[0], got.Events[2], got.Events[4]
		if asked.Seen.IP != "127.0.0.1" || asked.Attested.Source != "https://gazette.example/join" ||
			asked.Purposes[0].ID != "letter" {
			t.Errorf("asked: %+v, %+v", asked.Seen, asked.Attested)
		}
		if id := taken.Email.MessageID; "<"+id+">" != a.Email(email).Header.Get("Message-Id") || taken.Seen.Reply == "" {
			t.Errorf("taken: %+v, %+v", taken.Email, taken.Seen)
		}
		if told.Told.Event != consent.EventConfirmed || told.Told.Endpoint != hook.URL {
			t.Errorf("told: %+v", told.Told)
		}

		var printed shown
		out, _ := e.optin(exitOK, "show", "-json", email)
		if err := json.Unmarshal([]byte(out), &printed); err != nil || len(printed.Events) != len(want) ||
			printed.Subscription.ID != id {
			t.Errorf("%v: %s", err, out)
		}
		out, _ = e.optin(exitOK, "show", "-site", "gazette", id)
		lines := strings.Split(out, "\n")
		heads := []string{email + " at gazette: confirmed", "id " + id, `letter: confirmed since`, ""}
		for i, head := range heads {
			if !strings.HasPrefix(lines[i], head) {
				t.Errorf("line %d is %q, want %q", i, lines[i], head)
			}
		}
		told5 := slices.ContainsFunc(lines, func(l string) bool {
			return strings.Contains(l, "told") && strings.HasSuffix(l, "subscription.confirmed, "+hook.URL)
		})
		if !told5 || !strings.Contains(out, "the website says: https://gazette.example/join") {
			t.Error(out)
		}
	})
}

func TestCommandsAboutOnePersonRefuseWhatTheyCannotFind(t *testing.T) {
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	for name, row := range map[string]struct {
		code int
		args []string
		says string
	}{
		"nobody":        {exitUsage, []string{"show"}, "takes one argument"},
		"two":           {exitUsage, []string{"show", "a", "b"}, "takes one argument"},
		"no address":    {exitUsage, []string{"show", "ada@"}, "name@example.org"},
		"another site":  {exitUsage, []string{"show", "-site", "club", "x"}, "no site"},
		"unknown":       {exitFailed, []string{"show", "nobody@people.test"}, "nothing is known"},
		"an unknown id": {exitFailed, []string{"show", "AAAAAAAAAAAAAAAAAAAAAA"}, "nothing is known"},
	} {
		out, errs := e.optin(row.code, row.args...)
		if out != "" || !strings.Contains(errs, row.says) || strings.Contains(errs, "nobody@") {
			t.Errorf("%s: %q, %q", name, out, errs)
		}
	}
}
