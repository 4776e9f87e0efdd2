package web

import (
	"net/http"
	"testing"

	"github.com/optin/optin/store"
)

func TestAClientIsLimitedByItsIPOrItsNetwork(t *testing.T) {
	limited := func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 2, Per: 60e9}}
		o.Sites = map[string]Site{"gazette": g, "club": o.Sites["club"]}
	}
	for name, row := range map[string]struct {
		from [4]string // by a trusted proxy
		last int
	}{
		"one address":           {[4]string{"203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.7"}, 429},
		"one IPv6 network":      {[4]string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", "2001:db8:0:1::3"}, 429},
		"what a client made up": {[4]string{"1.1.1.1, 203.0.113.7", "2.2.2.2, 203.0.113.7", "203.0.113.8", "3.3.3.3, 203.0.113.7"}, 429},
		"four addresses":        {[4]string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"}, 202},
	} {
		w := newWorld(t, limited)
		var a answer
		for i, from := range row.from {
			a = w.send("POST", signupPath, `{"email":"a@b.example","consent":true}`, "Content-Type", mediaJSON, "X-Forwarded-For", from)
			if i < 3 && a.status != http.StatusAccepted {
				t.Errorf("%s: signup %d: %d %s", name, i+1, a.status, a.body)
			}
		}
		if a.status != row.last {
			t.Errorf("%s: the last signup: %d %s, want %d", name, a.status, a.body, row.last)
		}
		if row.last != 429 {
			continue
		}
		if top, _ := a.problem(t); top != "too_many_requests" || a.header.Get("Retry-After") != "60" {
			t.Errorf("%s: %s, Retry-After %q", name, top, a.header.Get("Retry-After"))
		}
	}
}

func TestASiteThatMaySendNoMoreLettersAcceptsNothing(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.LettersPerSite = []store.Limit{{N: 1, Per: 3600e9}}
		o.Sites["gazette"] = g
	})
	w.signUp("ada@b.example")
	a := w.send("POST", signupPath, `{"email":"bob@b.example","consent":true}`, "Content-Type", mediaJSON)
	if top, _ := a.problem(t); a.status != 503 || top != "busy" || a.header.Get("Retry-After") != "3600" {
		t.Errorf("%d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
	}
	if w.state("bob@b.example") != "" || len(w.letters()) != 1 {
		t.Error("the refused signup is stored, or owes a letter")
	}
}
