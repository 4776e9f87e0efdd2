package operator_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/optin/optin/internal/operator"
)

const password = "correct horse battery"

func TestARoleMayDoWhatTheRolesBeforeItMay(t *testing.T) {
	all := []operator.Role{operator.See, operator.Act, operator.Admin}
	for i, r := range all {
		for j, other := range all {
			if r.Allows(other) != (i >= j) {
				t.Errorf("%s, %s", r, other)
			}
		}
		if operator.Role("").Allows(r) || operator.Role("root").Allows(r) {
			t.Errorf("a role that is none allows %s", r)
		}
	}
}

func TestAPasswordIsKeptAsItsHash(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, 16)
	p, err := operator.NewPassword(password, salt)
	if err != nil {
		t.Fatal(err)
	}
	again, err := operator.ParsePassword(p.Text())
	if err != nil || !again.Matches(password) || again.Matches(password+" ") || again.Matches("") {
		t.Errorf("%v: %s", err, p.Text())
	}
	if again.Matches(strings.Repeat("a", 2000)) {
		t.Error("a long password matches")
	}
	for _, wrong := range []string{"", "eleven char", strings.Repeat("é", 600)} {
		if _, err := operator.NewPassword(wrong, salt); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestOperatorsAreKnownByNameAndPassword(t *testing.T) {
	p, err := operator.NewPassword(password, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	all := operator.New(
		operator.Operator{Name: "ada", Password: p, Role: operator.Act},
		operator.Operator{Name: "proxied", Role: operator.See}, // who has no password
	)
	for _, row := range []struct{ name, password, is string }{
		{"ada", password, "ada"}, {"ada", "wrong password", ""}, {"Ada", password, ""}, {"", password, ""},
		{"proxied", "", ""}, {"proxied", password, ""}, {"nobody", password, ""},
	} {
		is := ""
		if o := all.Check(row.name, row.password); o != nil {
			is = o.Name
		}
		if is != row.is {
			t.Errorf("%q with %q is %q", row.name, row.password, is)
		}
	}
}
