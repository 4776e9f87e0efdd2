package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
)

// What optin users prints goes into the configuration, and its password into the form.
func TestAnEntryThatUsersMakesLogsIn(t *testing.T) {
	var entry, said bytes.Buffer
	args := []string{"-role", "act", "-sites", "gazette", "ada"}
	if code := users(args, lookup(nil), nil, &entry, &said); code != exitOK {
		t.Fatalf("%d: %s", code, said.String())
	}
	comment, rest, _ := strings.Cut(entry.String(), "\n")
	password := comment[strings.LastIndexByte(comment, ' ')+1:]
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.topYAML = rest
	a := e.start()

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	resp, err := browser.PostForm(a.base+"/admin/login", url.Values{"name": {"ada"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/admin" {
		t.Errorf("ada gets %s at %s", resp.Status, resp.Request.URL)
	}

	if err := os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600); err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	if code := users([]string{"-config", e.configPath, "-json"}, lookup(nil), nil, &list, &said); code != exitOK {
		t.Fatalf("%d: %s", code, said.String())
	}
	var all []shownUser
	if err := json.Unmarshal(list.Bytes(), &all); err != nil || len(all) != 2 || all[0].Name != "operator" ||
		all[0].Role != "admin" || all[1].Name != "ada" || all[1].Role != "act" || all[1].Sites[0] != "gazette" ||
		strings.Contains(list.String(), "argon2id") {
		t.Errorf("%v: %s", err, list.String())
	}
}

func TestUsersSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"the name must be":         {"a b"},
		"-role must be see":        {"-role", "root", "ada"},
		"at least 12 characters":   {"-password-stdin", "ada"},
		`unknown argument "grace"`: {"ada", "grace"},
	} {
		var said bytes.Buffer
		if code := users(args, lookup(nil), strings.NewReader("short\n"), io.Discard, &said); code != exitUsage ||
			!strings.Contains(said.String(), want) {
			t.Errorf("%v: %d %s", args, code, said.String())
		}
	}
	var entry bytes.Buffer
	typed := strings.NewReader("correct horse battery")
	code := users([]string{"-password-stdin", "ada"}, lookup(nil), typed, &entry, io.Discard)
	if code != exitOK || strings.Contains(entry.String(), "#") {
		t.Errorf("%d: %s", code, entry.String())
	}
}
