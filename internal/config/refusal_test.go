package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusal is the contract's example with one change, and all the problems that follow from it, each as "line: text".
type refusal struct {
	old, new string // an empty old replaces the whole file
	want     []string
}

// change makes the change; a row whose old text is not in the example once proves nothing.
func (r refusal) change(t *testing.T) string {
	t.Helper()
	if r.old == "" {
		return r.new
	}
	if strings.Count(contract, r.old) != 1 {
		t.Fatalf("%q is %d times in the example", r.old, strings.Count(contract, r.old))
	}
	return strings.Replace(contract, r.old, r.new, 1)
}

// refusing reads what the rows name. Every secret file holds a word that no problem may repeat.
func refusing(t *testing.T) func(string) ([]byte, error) {
	t.Helper()
	held := files(map[string]string{
		"etc/dkim.pem": edKey(t), "etc/curve.pem": "hunter2", "etc/good": testSecret + "\n", "etc/short": "hunter2\n",
		"etc/keys": testAPIKey + "\n\nhunter2\r\n", "etc/empty": "\n", "etc/huge": strings.Repeat("hunter2", 10_000),
	})
	return func(name string) ([]byte, error) {
		switch name {
		case "etc/locked":
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		case "etc/broken":
			return nil, errors.New("hunter2")
		}
		return held(name)
	}
}

// refuse checks every row for exactly its problems, and that they repeat no secret.
func refuse(t *testing.T, rows []refusal) {
	t.Helper()
	read := refusing(t)
	env := func(name string) (string, bool) {
		if name == "LATIN1" {
			return "caf\xe9", true
		}
		return variables(name)
	}
	for _, row := range rows {
		_, err := Parse("etc/optin.yaml", []byte(row.change(t)), env, read, "en", "fr")
		var got []string
		if err != nil {
			got = strings.Split(strings.ReplaceAll(err.Error(), "etc/optin.yaml:", ""), "\n")
		}
		for _, secret := range []string{testSecret, testAPIKey, testHook, testAdmin, "hunter2"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q: the problems repeat a secret", row.new)
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", row.new, diff)
		}
	}
}
