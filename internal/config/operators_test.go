package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/optin/optin/internal/operator"
)

// somebody's password is "correct horse battery".
const someHash = "$argon2id$v=19$m=19456,t=2,p=1$" +
	"AAAAAAAAAAAAAAAAAAAAAA$hbX5BcR4VcARguIF6etTj3ZuB9aUAnozWKXV8K60XcU"

func TestOperatorsHaveNamesRolesAndSites(t *testing.T) {
	text := strings.Replace(minimal, "sites:\n", "operators:\n"+
		"  - {name: ada, password: \""+someHash+"\", role: act, sites: [gazette]}\n"+
		"  - {name: bob@example.org, password_file: bob, role: see}\nsites:\n", 1)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"bob": someHash + "\n"}))
	if err != nil {
		t.Fatal(err)
	}
	ada, bob := c.Operators[0], c.Operators[1]
	if ada.Name != "ada" || ada.Role != operator.Act || ada.MaySee("other") || !ada.MaySee("gazette") ||
		bob.Name != "bob@example.org" || bob.Role != operator.See || !bob.MaySee("other") {
		t.Errorf("%+v", c.Operators)
	}
	for _, o := range c.Operators {
		if !o.Password.Matches("correct horse battery") || o.Password.Matches("correct horse") {
			t.Errorf("%s: another password", o.Name)
		}
	}
	if said := fmt.Sprintf("%+v %#v", *c, c.Operators); strings.Contains(said, "argon2id") {
		t.Error("a hash is printed: ", said)
	}
}

func TestOperatorsLogInAtAProvider(t *testing.T) {
	text := strings.Replace(minimal, "sites:\n", "oidc: {issuer: https://id.example, client_id: optin, "+
		"client_secret_file: oidc, roles: {staff: see, owners: admin}}\n"+
		"operators: [{name: ada@example.org, role: act}]\nsites:\n", 1)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"oidc": "a client secret\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if o := c.OIDC; o.Issuer != "https://id.example" || o.ClientID != "optin" ||
		string(o.Secret) != "a client secret" || o.Roles["staff"] != operator.See ||
		o.Roles["owners"] != operator.Admin || !c.Operators[0].Password.IsZero() {
		t.Errorf("%+v", c.OIDC)
	}
	if said := fmt.Sprintf("%+v %v", *c, c.OIDC.Secret); strings.Contains(said, "a client secret") {
		t.Error("the secret is printed: ", said)
	}
}

func TestWrongOperatorsAreRefused(t *testing.T) {
	one := func(entry string) string { return "operators: [" + entry + "]\nsites:\n" }
	hash := `, password: "` + someHash + `"`
	bounds := "12: operators[0].password must have m from 8192 to 262144, t up to 16 and p up to 4"
	refuse(t, []refusal{
		{"sites:\n", one("{name: ada, role: act}"), []string{
			"12: operators[0].password is missing; optin users makes one. It may be left out where others log " +
				"people in: admin.proxy_header or oidc",
		}},
		{"sites:\n", one("{name: a b, role: root" + hash + "}"), []string{
			"12: operators[0].name must be 1 to 64 letters, digits, or any of . _ - @",
			"12: operators[0].role must be see, act or admin",
		}},
		{"sites:\n", one("{name: ada, role: act, password: secret}"), []string{
			"12: operators[0].password must be the hash of a password, such as $argon2id$v=19$…; optin users makes one",
		}},
		{"sites:\n", one(`{name: ada, role: act, password: "` + strings.Replace(someHash, "19456", "999999", 1) + `"}`),
			[]string{bounds}},
		{"sites:\n", one(`{name: ada, role: act, password: "` + strings.Replace(someHash, "t=2", "t=0", 1) + `"}`),
			[]string{bounds}},
		{"sites:\n", one(`{name: ada, role: act, password: "` + strings.Replace(someHash, "t=2", "t=02", 1) + `"}`),
			[]string{bounds}},
		{"sites:\n", one("{name: ada, role: act, sites: [none]" + hash + "}"), []string{
			"12: operators[0].sites[0] must be the id of a site",
		}},
		{"sites:\n", one("{name: ada, role: act, sites: []" + hash + "}"), []string{
			"12: operators[0].sites names no site; leave it out for all",
		}},
		{"sites:\n", one("{name: ada, role: act" + hash + "}, {name: ada, role: see" + hash + "}"), []string{
			"12: operators[1].name is that of another operator",
		}},
		{"sites:\n", one("{name: operator, role: act" + hash + "}"), []string{
			"12: operators[0].name is the name of who logs in with admin.password; take another",
		}},
		{"sites:\n", "oidc: {issuer: 'http://id.example', client_secret: short}\nsites:\n", []string{
			"12: oidc.issuer must begin with https://; http:// is for loopback hosts only",
			"12: oidc.client_id is missing",
			"12: oidc.client_secret must have 8 characters or more",
			"12: oidc lets nobody in; give it roles, or list operators",
		}},
		{"sites:\n", "oidc: {issuer: 'https://id.example?x', client_id: optin, client_secret: long enough, " +
			"roles: {staff: root}}\nsites:\n", []string{
			"12: oidc.issuer must have no ? or #", "12: oidc.roles.staff must be see, act or admin",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {proxy_header: Remote-User}", []string{
			"10: admin.proxy_header is believed of trusted_proxies only, and none is given",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {proxy_header: cookie}", []string{
			"10: admin.proxy_header means something else; take one of its own, such as Remote-User",
		}},
		{"admin: {password: ${OPTIN_ADMIN_PASSWORD}}", "admin: {proxy_header: 'a b'}", []string{
			"10: admin.proxy_header must be the name of a header, such as Remote-User",
		}},
	})
}
