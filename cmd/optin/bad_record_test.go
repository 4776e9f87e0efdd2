package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// damage flips a byte of the data of a subscription, as a bad disk does, and leaves jobs of it that open no more in
// every queue.
func (e *env) damage(id string, queues ...store.QueueName) {
	e.t.Helper()
	st := e.core().store
	key := store.Key{Site: "gazette", ID: id}
	e.must(st.Update(e.t.Context(), key, func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, store.ErrNotFound
		}
		r.Data = slices.Clone(r.Data)
		r.Data[len(r.Data)/2] ^= 1
		r.Timer = time.Now().Add(-time.Hour) // its timer is due, before all others
		c := store.Change{Put: &r}
		for i, queue := range queues {
			c.Enqueue = append(c.Enqueue, store.Job{ID: fmt.Sprint("bad", i), Queue: queue, Body: []byte("damaged")})
		}
		return c, nil
	}))
}

func TestABadRecordStopsNobody(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		p, a := e.spawn(e.listen)
		ids := map[string]string{}
		for _, email := range []string{"ada@reader.example", "bob@reader.example", "carol@reader.example"} {
			a.SignUp(email)
			if code, _ := a.Confirm(confirmLink(a.Email(email))); code != http.StatusOK {
				t.Fatal(code)
			}
			ids[email] = a.Lookup(email).ID
		}
		bad := ids["bob@reader.example"]
		e.damage(bad, append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueSignature,
			e.core().service.Sites()[0].EventQueues[0])...)

		a.names(bad, 2)
		var looked struct {
			Results []struct {
				Email, Unreadable string
				Subscription      *apiSubscription
			}
		}
		a.call("POST", "/lookup", `{"emails":["ada@reader.example","bob@reader.example","carol@reader.example"]}`, &looked)
		for _, r := range looked.Results {
			if is := r.Email == "bob@reader.example"; is != (r.Unreadable == bad) || is != (r.Subscription == nil) {
				t.Errorf("a lookup of many: %+v", r)
			}
		}
		var problem struct{ Code, ID string }
		for _, call := range [][]string{
			{"POST", "/lookup", `{"email":"bob@reader.example"}`}, {"GET", "/subscriptions/" + bad, ""},
			{"GET", "/subscriptions/" + bad + "/events", ""}, {"POST", "/subscriptions/" + bad + "/withdraw", ""},
		} {
			resp := a.call(call[0], call[1], call[2], &problem)
			if resp.StatusCode != http.StatusInternalServerError || problem.Code != "subscription_unreadable" ||
				problem.ID != bad {
				t.Errorf("%v returns %s %+v", call, resp.Status, problem)
			}
		}

		// Queues and timers go on.
		a.SignUp("dave@reader.example")
		if code, _ := a.Confirm(confirmLink(a.Email("dave@reader.example"))); code != http.StatusOK {
			t.Error(code)
		}
		a.eventually("dave's event", func() bool { return len(hook.eventsAbout("dave@reader.example")) == 1 })
		a.eventually("the log names the record, and its timer",
			func() bool {
				log := p.stderr.String()
				return strings.Contains(log, `"record":"`+bad+`"`) && strings.Contains(log, `"queue":"timer"`)
			})
		if strings.Contains(p.stderr.String(), "bob@") {
			t.Error("the log names the person")
		}
		if code := p.stop(); code != exitOK {
			t.Errorf("the program ends with %d", code)
		}
		e.checkNames("1 of", bad)
	})
}

// A secret that is taken off the list takes its records with it, and no others.
func TestASecretTakenOffTheListStopsNobodyElse(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		const newer = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
		secret := func(list string) { e.edits = []string{"secret: " + testSecret, "secret: " + list} }
		join := func(a *actor, email string) string {
			t.Helper()
			a.SignUp(email)
			if code, _ := a.Confirm(confirmLink(a.Email(email))); code != http.StatusOK {
				t.Fatal(code)
			}
			return a.Lookup(email).ID
		}
		p, a := e.spawn(e.listen)
		bad := join(a, "ada@reader.example")
		p.stop()
		secret("[" + newer + ", " + testSecret + "]")
		p, a = e.spawn(e.listen)
		join(a, "carol@reader.example")
		p.stop()

		secret(newer)
		p, a = e.spawn(e.listen)
		a.names(bad, 1)
		join(a, "dave@reader.example")
		p.stop()
		e.checkNames("1 of", bad)

		secret("[" + newer + ", " + testSecret + "]")
		_, a = e.spawn(e.listen)
		if st := a.Lookup("ada@reader.example"); st.ID != bad || st.State != "confirmed" {
			t.Errorf("with the secret put back: %+v", st)
		}
		var stats struct{ Unreadable []string }
		if a.call("GET", "/stats", "", &stats); len(stats.Unreadable) > 0 {
			t.Errorf("with the secret put back, the statistics name %v", stats.Unreadable)
		}
	})
}

// names looks that list, exports, statistics and dashboard name a bad record, and have so many others.
func (a *actor) names(bad string, others int) {
	a.t.Helper()
	var page struct {
		Subscriptions []apiSubscription
		Unreadable    []string
	}
	a.call("GET", "/subscriptions?state=confirmed", "", &page)
	if len(page.Subscriptions) != others || !slices.Equal(page.Unreadable, []string{bad}) {
		a.t.Errorf("the list: %+v", page)
	}
	named := 0
	lines := a.export("ndjson")
	for line := range strings.Lines(lines) {
		var one apiSubscription
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			a.t.Fatal(err)
		}
		if one == (apiSubscription{ID: bad, State: "unreadable"}) {
			named++
		}
	}
	if named != 1 || strings.Count(lines, "\n") != others+1 {
		a.t.Errorf("the export: %s", lines)
	}
	rows, err := csv.NewReader(strings.NewReader(a.export("csv"))).ReadAll()
	if err != nil || len(rows) != others+2 ||
		!slices.ContainsFunc(rows, func(r []string) bool { return r[0] == bad && r[3] == "unreadable" }) {
		a.t.Errorf("the sheet: %v %v", rows, err)
	}
	var stats struct{ Unreadable []string }
	if a.call("GET", "/stats", "", &stats); !slices.Equal(stats.Unreadable, []string{bad}) {
		a.t.Errorf("the statistics name %v", stats.Unreadable)
	}
	if page := a.dashboard("/admin"); !strings.Contains(page, bad) {
		a.t.Errorf("the dashboard does not name it: %s", page)
	}
}

// export returns the whole of an export.
func (a *actor) export(format string) string {
	a.t.Helper()
	return string(a.get("/v1/sites/gazette/export?format=" + format))
}

// checkNames runs check -deep, which is to find one bad record.
func (e *env) checkNames(found, bad string) {
	e.t.Helper()
	e.write(e.listen)
	p := command(e.t, "check", "-deep", "-dns=false", "-config", e.configPath)
	code := p.wait()
	said := p.stdout.String()
	if code != exitFailed || !strings.Contains(said, "WRONG  record         record "+bad+" of site gazette") ||
		!strings.Contains(said, found) || strings.Contains(said, "@reader.example") {
		e.t.Errorf("check -deep: %d %s%s", code, said, p.stderr)
	}
}

// dashboard returns a page of the dashboard, as a logged-in operator sees it.
func (a *actor) dashboard(path string) string {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	operator := http.Client{Jar: jar}
	resp, err := operator.PostForm(a.base+"/admin/login", url.Values{"password": {"a-password-for-tests"}})
	if err == nil {
		resp.Body.Close()
		resp, err = operator.Get(a.base + path)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("the dashboard returns %s, %v", resp.Status, err)
	}
	return string(b)
}
