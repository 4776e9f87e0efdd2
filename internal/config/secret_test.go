package config

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/optin/optin/internal/relay"
)

// Every place of the contract's example that holds a secret, as the text that is replaced there.
var secretPlaces = []string{
	"secret: ${OPTIN_SECRET} ", "store: redis://127.0.0.1:6379/0 ", "url: smtp://user:pass@127.0.0.1:2525 ",
	"password: ${OPTIN_ADMIN_PASSWORD}", "api_keys: [${GAZETTE_API_KEY}]", "secret: ${GAZETTE_WEBHOOK_SECRET}", "key_file: dkim.pem",
}

// Wrong ways to write a secret, as a careless paste may leave them.
var wrongForms = []string{
	"hunter2", "[hunter2]", "[[hunter2]]", "{hunter2}", "{hunter2: hunter2}", "[{hunter2}]", "*hunter2", "&hunter2", "!hunter2 x", "!<hunter2> x",
	"@hunter2", "`hunter2", "%hunter2", "\"hunter2", "'hunter2", "\"\\hunter2\"", "hunter2: hunter2", "|hunter2", ">hunter2", "- hunter2",
	"? hunter2", "hunter2 ${hunter 2}", "hunter2${", "hunter2${NOT_SET}", "${HUNTER}", "[${HUNTER}, ${HUNTER}]", "redis://hunter2:hunter2@host:port/hunter2",
	"redis://x:hunter2%@y", "redis://host/?hunter2", "sqlite://hunter2", "smtp://hunter2@host", "smtp://a:hunter2@host:99999", "smtp://a:hunter2%@b",
	"smtps://a:hunter2@b/hunter2?hunter2", "smtp://[hunter2", "whsec_hunter2", "sha256:hunter2", "\"hunter2\\r\\nhunter2\"", "hunter2/hunter2#@:", "\thunter2",
	"\n  hunter2", "\n    hunter2: 1\n   hunter2: 2", "hunter2\nhunter2", "hunter2,hunter2", "--- hunter2", "\xff hunter2", "\x07hunter2",
}

// TestNoProblemRepeatsASecret puts every form into every place: as it is, in a variable, as a file's name and in a file.
func TestNoProblemRepeatsASecret(t *testing.T) {
	key := edKey(t)
	reported := 0
	for _, place := range secretPlaces {
		name, _, _ := strings.Cut(place, ":")
		for _, form := range wrongForms {
			env := func(n string) (string, bool) {
				if n == "HUNTER" {
					return strings.TrimSpace(form), true
				}
				return variables(n)
			}
			read := files(map[string]string{"dkim.pem": key, "form": form, "pem": "-----BEGIN hunter2-----\nAAAA\n-----END hunter2-----\n"})
			for _, text := range []string{name + ": " + form + " ", name + ": ${HUNTER} ", name + "_file: " + form + " ", name + "_file: form ", name + ": pem ",
				name + ": x\n" + name + ": " + form + " ", name + ": " + form + "\n" + name + "_file: " + form + " "} {
				_, err := Parse("optin.yaml", []byte(strings.Replace(contract, place, text, 1)), env, read)
				if err == nil {
					continue // some forms are correct in some places
				}
				reported++
				if strings.Contains(strings.ReplaceAll(err.Error(), "hunter2 is not a known key", ""), "hunter2") {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
	}
	if reported < 2000 {
		t.Errorf("only %d of the changes were reported as problems", reported)
	}
}

// TestAConfigurationPrintsWithoutItsSecrets prints it, and every value inside it, in every way.
func TestAConfigurationPrintsWithoutItsSecrets(t *testing.T) {
	text := strings.Replace(contract, "redis://127.0.0.1", "redis://redisuser:redispass@127.0.0.1", 1)
	text = strings.Replace(text, "user:pass@", "mailuser:mailpass@", 1)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"dkim.pem": rsaKey(t, 2048)}))
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"redispass", "mailpass", testAdmin, testAPIKey, testSecret, testHook, "ModInverse", "PRIVATE"}
	for _, b := range [][]byte{c.Secrets[0], c.Sites[0].Webhooks[0].Secrets[0], c.Sites[0].APIKeys[0].Sum[:], []byte(testAdmin), []byte("redispass"), []byte("mailpass")} {
		words = append(words, base64.RawStdEncoding.EncodeToString(b[:len(b)/3*3]), base64.RawURLEncoding.EncodeToString(b[:len(b)/3*3]),
			hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), strings.Trim(fmt.Sprint(b), "[]"), string(b))
	}
	n := 0
	eachValue(reflect.ValueOf(c), func(v any) {
		n++
		for _, out := range printed(v) {
			for _, w := range words {
				if strings.Contains(out, w) {
					t.Errorf("%T prints a secret as %.60q", v, w)
				}
			}
		}
	})
	if n < 40 {
		t.Errorf("only %d values were printed", n)
	}
	if got := c.String(); !strings.Contains(got, "sites=gazette") || !strings.Contains(got, "store=redis://127.0.0.1:6379/0?durability=always") {
		t.Errorf("String is %s", got)
	}
}

// printed is a value in every form that a log may take.
func printed(v any) []string {
	var out []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out = append(out, fmt.Sprintf(verb, v))
	}
	b, _ := json.Marshal(v) // what does not marshal shows nothing
	var text, js strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&js, nil)).Info("x", "v", v)
	return append(out, string(b), text.String(), js.String())
}

// eachValue calls f with every value below v that a package outside could print, except what a secret is made of.
func eachValue(v reflect.Value, f func(any)) {
	if !v.IsValid() || !v.CanInterface() || v.Kind() == reflect.Pointer && v.IsNil() {
		return
	}
	switch v.Interface().(type) {
	case Secret, APIKey, DKIM, Store, relay.Address:
		f(v.Interface())
		return
	case [][]byte: // Config.Secrets: bytes for the keyring, printed by Config only as a number
		return
	}
	f(v.Interface())
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		eachValue(v.Elem(), f)
	case reflect.Slice:
		for i := range v.Len() {
			eachValue(v.Index(i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachValue(v.Field(i), f)
		}
	}
}
