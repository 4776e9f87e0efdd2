package web

import (
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/web/request"
)

// publishedKeys are those that the server publishes.
func (e *env) publishedKeys() receipt.Keys {
	e.Helper()
	a := e.send("GET", "/.well-known/jwks.json", "")
	keys, err := receipt.ParseSet([]byte(a.body))
	if err != nil || a.status != 200 || a.media() != "application/jwk-set+json" {
		e.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return keys
}

func TestTheReceiptIsTheSameForThePersonAndTheWebsiteAndVerifies(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	e.clock.pass(3 * time.Minute)
	given := e.clock.now()
	page := e.send("POST", link, "").page(t)
	own, _ := page.Find(`a[href$="/receipt"]`).Attr("href")
	one := e.subscriptionPath("ada@b.example")
	e.clock.pass(400 * 24 * time.Hour)
	text := e.send("GET", e.path(own), "")
	if text.status != 200 || text.media() != receipt.MediaType {
		t.Fatalf("%d %s", text.status, text.body)
	}
	if a := e.send("GET", one+"/receipt", "", asSite(readKey)...); a.body != text.body {
		t.Error("the website gets another receipt than the person")
	}
	p, err := e.publishedKeys().Verify(text.body)
	must(t, err)
	if p.IssuedAt != given.Unix() || p.Processing[0].Purpose.Text != "Receive letter" ||
		p.Parties[0].Name != "La Gazette SAS" || !p.Events[1].At.Equal(given) || len(p.OptIn.Emails) != 1 {
		t.Errorf("%+v", p)
	}
	for _, personal := range []string{"ada", "b.example", "127.0.0.1"} {
		if strings.Contains(payloadOf(t, text.body), personal) {
			t.Errorf("the receipt has %s", personal)
		}
	}
	leave, _ := page.Find(`a[href*="/u/"]:not([href$="/receipt"])`).Attr("href")
	if n := e.send("GET", e.path(leave), "").page(t).Find(`a[href$="/receipt"]`).Length(); n != 1 {
		t.Errorf("%d links to the receipt on the page of what was agreed to", n)
	}

	stands := func(want bool, state string) {
		t.Helper()
		var st confirm.ReceiptStatus
		e.send("GET", "/v1/receipts/"+p.ReceiptID, "").read(t, 200, &st)
		said := ""
		for _, q := range st.Purposes {
			said += q.ID + " " + string(q.State)
		}
		if st.Stands != want || said != state || st.ID != p.ReceiptID {
			t.Errorf("%+v, want %t %s", st, want, state)
		}
	}
	stands(true, "letter confirmed")
	e.send("POST", e.path(leave), "")
	stands(false, "letter withdrawn")
	if a := e.send("GET", e.path(own), ""); a.body != text.body {
		t.Error("after a withdrawal the receipt is another")
	}
	e.send("DELETE", one, "", asSite(writeKey)...)
	stands(false, "")
	gone := e.send("GET", e.path(own), "", "Accept", request.MediaJSON)
	if code, _ := gone.problem(t); gone.status != 404 || code != "link_unknown" {
		t.Errorf("of an erased person: %d %s", gone.status, gone.body)
	}
}

// payloadOf is the payload of a receipt.
func payloadOf(t *testing.T, text string) string {
	t.Helper()
	b, err := receipt.Decode(text)
	must(t, err)
	return string(b)
}

func TestAnotherConfirmationHasAReceiptOfItsOwn(t *testing.T) {
	e := newEnv(t)
	var names, texts []string
	for range 2 {
		e.signUp("ada@b.example")
		u, _ := e.send("POST", e.path(e.email().Confirm), "").page(t).Find(`a[href*="/u/"]:not([download])`).Attr("href")
		one := e.subscriptionPath("ada@b.example")
		var got struct {
			Events []struct{ Action, Request, Receipt string }
		}
		e.send("GET", one+"/events", "", asSite(readKey)...).read(t, 200, &got)
		for _, step := range got.Events {
			if step.Receipt != "" && (len(names) == 0 || names[0] != step.Request) {
				names = append(names, step.Request)
			}
		}
		texts = append(texts, e.send("GET", one+"/receipt", "", asSite(readKey)...).body)
		e.send("POST", e.path(u), "")
		e.clock.pass(time.Hour)
	}
	one := e.subscriptionPath("ada@b.example")
	for i, name := range names {
		if a := e.send("GET", one+"/receipt?request="+name, "", asSite(readKey)...); a.body != texts[i] {
			t.Errorf("%s: %s, want %s", name, a.body, texts[i])
		}
	}
	if len(names) != 2 || texts[0] == texts[1] {
		t.Errorf("%v", names)
	}
}
