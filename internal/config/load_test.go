package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMissingConfigurationIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path, variables)
	want := path + ":1: cannot be read: it does not exist; -config names the file, and optin keys -sample prints one " +
		"to begin with"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Load(filepath.Dir(path), variables)
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: got %v", err)
	}
	var p Problems
	if !errors.As(err, &p) || p[0].Line != 1 {
		t.Errorf("got %#v", err)
	}
}

func TestAFileOfMoreThanAMebibyteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\n", 1<<19)+"#"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, variables)
	if err == nil || !strings.HasSuffix(err.Error(),
		":1: the file is more than 1 MiB; a configuration is a few kilobytes") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsComeFromFilesWithoutTheirLastNewline(t *testing.T) {
	text := strings.NewReplacer("secret: ${OPTIN_SECRET}", "secret_file: [/run/new, old]",
		"store: redis://127.0.0.1:6379/0", "store_file: store",
		"url: smtp://user:pass@127.0.0.1:2525", "url_file: smtp", "password: ${OPTIN_ADMIN_PASSWORD}",
		"password_file: ${WHERE}",
		"api_keys: [${GAZETTE_API_KEY}]", "api_keys_file: keys", "secret: ${GAZETTE_WEBHOOK_SECRET}",
		"secret_file: hook").Replace(contract)
	read := files(map[string]string{"/run/new": testSecret + "\n", "/etc/optin/old": strings.ToLower(testSecret),
		"/etc/optin/store": "sqlite:///o.db\n",
		"/etc/optin/smtp":  "smtps://relay.example\r\n", "/etc/optin/password": "ends with newline\n\n",
		"/etc/optin/keys": "aaaaaaaaaaaaaaaaaaaa\n\nbbbbbbbbbbbbbbbbbbbb\n",
		"/etc/optin/hook": testHook, "/etc/optin/dkim.pem": rsaKey(t, 2048)})
	c, err := Parse("/etc/optin/optin.yaml", []byte(text), func(string) (string, bool) { return "password", true },
		read)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Secrets) != 2 || c.Store.Path != "/o.db" || c.SMTP.Relays[0].Port != 465 ||
		string(c.Admin.Password) != "ends with newline\n" ||
		len(c.Sites[0].APIKeys) != 2 || string(c.Sites[0].Webhooks[0].Secrets[0]) != testHookRaw {
		t.Errorf("got %v, password %d bytes, keys %d", c, len(c.Admin.Password), len(c.Sites[0].APIKeys))
	}
}

func TestWithoutAReaderNoFilesAreRead(t *testing.T) {
	_, err := Parse("optin.yaml", []byte(strings.Replace(minimal, "secret: ${OPTIN_SECRET}", "secret_file: x", 1)), nil,
		nil)
	if err == nil || err.Error() != "optin.yaml:2: secret_file names a file, but no files are read here" {
		t.Errorf("got %v", err)
	}
}
