package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/request"
)

// known are the addresses of which something is known, by what it is; full is one whose mailbox gets no more letters, in a spelling
// that was not seen yet.
func (w *env) known() map[string]string {
	w.Helper()
	all := map[string]string{"full": "full+new@b.example"}
	for _, state := range []string{"expired", "undeliverable", "pending", "confirmed", "declined", "withdrawn", "erased"} {
		all[state] = state + "@b.example"
		w.signUp(all[state])
		d := w.email()
		link := w.path(d.Confirm)
		switch state {
		case "expired":
			w.clock.pass(49 * time.Hour)
			w.lapse()
		case "undeliverable":
			w.hand(mediaMessage, failedTo(d.ReturnPath+"@bounces.gazette.example"))
		case "confirmed":
			w.send("POST", link, "")
		case "declined":
			w.send("POST", link+"/decline", "")
		case "withdrawn":
			u, _ := w.send("POST", link, "").page(w).Find(`a[href*="/u/"]`).Attr("href")
			w.send("POST", w.path(u), "List-Unsubscribe=One-Click", "Content-Type", request.MediaForm)
		case "erased":
			w.send("DELETE", w.subscriptionPath(all[state]), "", asSite(writeKey)...)
		}
		if got := string(w.state(all[state])); got != state && state != "erased" {
			w.Fatalf("%s is %q", all[state], got)
		}
	}
	for n := range 8 { // more than the door lets in
		w.signUp("full+" + strings.Repeat("x", n+1) + "@b.example")
	}
	if w.state("full+"+strings.Repeat("x", 8)+"@b.example") != "" {
		w.Fatal("its door is open")
	}
	return all
}

// lapse rings the clock for what is due.
func (w *env) lapse() {
	w.Helper()
	due, err := w.store.Lease(w.Context(), confirm.QueueExpire, 100, time.Minute)
	must(w, err)
	for _, e := range due {
		must(w, w.service.Expire(w.Context(), e))
	}
}

func TestTheAnswerTellsNothingOfTheAddress(t *testing.T) {
	w := newEnv(t)
	known := w.known()
	cookie := []string{"Cookie", "__Host-optin=AAAAAAAAAAAAAAAAAAAAAA"}
	for kind, send := range map[string]func(email string) answer{
		"JSON": func(e string) answer {
			return w.send("POST", signupPath, `{"email":"`+e+`","consent":true}`, "Content-Type", request.MediaJSON)
		},
		"form": func(e string) answer {
			return w.send("POST", signupPath, url.Values{"email": {e}, "consent": {"on"}}.Encode(), "Content-Type", request.MediaForm, "Accept", "text/html")
		},
		"hosted": func(e string) answer {
			form := w.hosted("gazette", url.Values{"email": {e}, "consent": {"on"}}.Encode())
			return w.send("POST", signupPath, form, append(cookie, "Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL)...)
		},
	} {
		want := comparable(send(kind + "-unknown@b.example"))
		for state, email := range known {
			if diff := cmp.Diff(want, comparable(send(email))); diff != "" {
				t.Errorf("%s: the answer for one that is %s differs: %s", kind, state, diff)
			}
		}
	}
	if w.state(known["full"]) != "" {
		t.Error("a mailbox that gets no more letters was signed up, so this proves nothing of it")
	}
}
