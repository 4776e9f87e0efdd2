package config

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAKeyAllowsWhatItsScopeSays(t *testing.T) {
	text := strings.Replace(minimal, "    locales:", `    api_keys:
      - optin_for_everything
      - {key: optin_that_reads, scope: read}
      - {key: optin_that_writes, scope: write}
      - {key_file: both.key, scope: both}
    locales:`, 1)
	c, err := Parse("optin.yaml", []byte(text), variables, files(map[string]string{"both.key": "optin_from_a_file\n"}))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(key string) [32]byte { return sha256.Sum256([]byte(key)) }
	want := []APIKey{
		{sum("optin_for_everything"), true, true}, {sum("optin_that_reads"), true, false}, {sum("optin_that_writes"), false, true}, {sum("optin_from_a_file"), true, true},
	}
	if !cmp.Equal(want, c.Sites[0].APIKeys) {
		t.Error("keys or scopes differ")
	}
}
