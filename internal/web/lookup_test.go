package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestAKeySeesItsOwnSiteOnly(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	const ask = `{"email":"ada@b.example"}`
	for name, row := range map[string]struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		"no key":           {"gazette", ask, nil, 401, "api_key_required"},
		"an empty key":     {"gazette", ask, []string{"Authorization", "Bearer "}, 401, "api_key_required"},
		"no scheme":        {"gazette", ask, []string{"Authorization", gazetteKey}, 401, "api_key_required"},
		"another scheme":   {"gazette", ask, []string{"Authorization", "Basic " + gazetteKey}, 401, "api_key_required"},
		"an unknown key":   {"gazette", ask, []string{"Authorization", "Bearer " + gazetteKey + "x"}, 401, "api_key_required"},
		"part of a key":    {"gazette", ask, []string{"Authorization", "Bearer " + gazetteKey[:10]}, 401, "api_key_required"},
		"two keys":         {"gazette", ask, []string{"Authorization", "Bearer " + clubKey, "Authorization", "Bearer " + gazetteKey}, 401, "api_key_required"},
		"a key in the URL": {"gazette/lookup?api_key=" + gazetteKey, ask, nil, 401, "api_key_required"},
		"another's key":    {"gazette", ask, []string{"Authorization", "Bearer " + clubKey}, 403, "api_key_of_another_site"},
		"no such site":     {"other", ask, []string{"Authorization", "Bearer " + clubKey}, 403, "api_key_of_another_site"},
		"no such site, no": {"other", ask, nil, 401, "api_key_required"},
		"unknown address":  {"gazette", `{"email":"bob@b.example"}`, []string{"Authorization", "Bearer " + gazetteKey}, 404, "subscription_unknown"},
		"no address":       {"gazette", `{}`, []string{"Authorization", "Bearer " + gazetteKey}, 422, "email_required"},
		"two addresses":    {"gazette", `{"email":["a@b.example","c@d.example"]}`, []string{"Authorization", "Bearer " + gazetteKey}, 422, "email_invalid"},
		"a form":           {"gazette", "email=ada@b.example", []string{"Authorization", "Bearer " + gazetteKey, "Content-Type", request.MediaForm}, 415, "media_type_not_supported"},
	} {
		path := "/v1/sites/" + row.path
		if !strings.Contains(path, "/lookup") {
			path += "/lookup"
		}
		if !strings.Contains(strings.Join(row.headers, " "), "Content-Type") {
			row.headers = append(row.headers, "Content-Type", request.MediaJSON)
		}
		a := w.send("POST", path, row.body, row.headers...)
		if top, _ := a.problem(t); a.status != row.status || top != row.code || (a.header.Get("WWW-Authenticate") != "") != (a.status == 401) {
			t.Errorf("%s: %d %s, WWW-Authenticate %q", name, a.status, a.body, a.header.Get("WWW-Authenticate"))
		}
	}
	look := func() (st consent.Status) {
		a := w.send("POST", "/v1/sites/gazette/lookup", ask, "Content-Type", request.MediaJSON, "Authorization", "bearer "+gazetteKey)
		if a.status != 200 || a.media() != request.MediaJSON {
			t.Fatalf("%d %s", a.status, a.body)
		}
		must(t, json.Unmarshal([]byte(a.body), &st))
		return st
	}
	if st := look(); st.State != consent.Pending || st.Email != "ada@b.example" || st.Site != "gazette" || st.ExpiresAt == nil {
		t.Errorf("%+v", st)
	}
	w.send("POST", w.path(w.email().Confirm), "")
	if st := look(); st.State != consent.Confirmed || len(st.Purposes) != 1 || st.Purposes[0].Text != "Receive letter" || st.UnsubscribeURL == nil {
		t.Errorf("%+v", st)
	}
}
