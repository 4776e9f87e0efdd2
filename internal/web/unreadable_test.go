package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

func TestARecordThatDoesNotOpenIsAProblemOfItsOwn(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	id := one[strings.LastIndex(one, "/")+1:]
	must(t, e.store.Update(t.Context(), store.Key{Site: "gazette", ID: id}, func(r store.Record) (store.Change, error) {
		if !r.Exists() {
			return store.Change{}, store.ErrNotFound
		}
		r.Data = slices.Clone(r.Data)
		r.Data[0] ^= 1
		return store.Change{Put: &r}, nil
	}))
	for _, a := range []answer{
		e.send("GET", one, "", asSite(readKey)...), e.send("GET", one+"/events", "", asSite(readKey)...),
		e.send("DELETE", one, "", asSite(writeKey)...),
		e.send("POST", "/v1/sites/gazette/lookup", `{"email":"ada@b.example"}`,
			asSite(readKey, "Content-Type", request.MediaJSON)...),
	} {
		if code, _ := a.problem(t); a.status != 500 || code != "subscription_unreadable" ||
			!strings.Contains(a.body, `"id":"`+id+`"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for path, want := range map[string]string{
		"subscriptions": `"subscriptions":[],"unreadable":["` + id + `"]`,
		"stats":         `"unreadable":["` + id + `"]`, "export": `{"id":"` + id + `","site":"gazette","state":"unreadable"}`,
	} {
		a := e.send("GET", "/v1/sites/gazette/"+path, "", asSite(readKey)...)
		if a.status != 200 || !strings.Contains(a.body, want) || strings.Contains(a.body, "ada@") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
