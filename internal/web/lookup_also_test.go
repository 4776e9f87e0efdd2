package web

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

func TestALookupHasTheStateOfOtherSpellingsAndNoAddressOfTheirs(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada+news@b.example")
	if a := e.send("POST", e.path(e.email().Confirm), ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var one struct {
		Email string         `json:"email"`
		Code  string         `json:"code"`
		Also  []consent.Also `json:"also"`
	}
	ask := func(body string, status int) answer {
		t.Helper()
		one.Email, one.Code, one.Also = "", "", nil
		a := e.ask(body)
		if err := json.Unmarshal([]byte(a.body), &one); err != nil || a.status != status {
			t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
		return a
	}
	ask(`{"email":"Ada+News@b.example"}`, http.StatusOK)
	if one.Email != "ada+news@b.example" || one.Also != nil {
		t.Errorf("the person itself: %+v", one)
	}
	ask(`{"email":"ada@b.example"}`, http.StatusNotFound)
	if one.Code != "subscription_unknown" || len(one.Also) != 1 || one.Also[0].State != consent.Confirmed {
		t.Errorf("another spelling: %+v", one)
	}
	first := one.Also
	e.signUp("ada@b.example")
	e.email()
	ask(`{"email":"ADA@b.example"}`, http.StatusOK)
	if diff := cmp.Diff(first, one.Also); diff != "" || one.Email != "ada@b.example" {
		t.Errorf("once it is known, too: %+v %s", one, diff)
	}
	a := e.ask(
		`{"emails":["bob@b.example","ada+x@b.example","ada@b.example"]}`)
	var many struct {
		Results []struct {
			Subscription *struct{ Also []consent.Also }
			Also         []consent.Also
		}
	}
	if err := json.Unmarshal([]byte(a.body), &many); err != nil || a.status != http.StatusOK || len(many.Results) != 3 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	bob, tagged, plain := many.Results[0], many.Results[1], many.Results[2]
	if bob.Subscription != nil || bob.Also != nil || tagged.Subscription != nil || len(tagged.Also) != 2 ||
		plain.Also != nil || len(plain.Subscription.Also) != 1 {
		t.Errorf("%s", a.body)
	}
	ask(`{"email":"ada@b.example","as_of":"2020-01-01"}`, http.StatusNotFound)
	if one.Also != nil {
		t.Errorf("of the past: %+v", one)
	}
}
