package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/optin/optin/internal/webhook"
)

func edKey(fill string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(fill, ed25519.SeedSize)))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// both calls a receiver with two secrets and two keys, and returns what arrived.
func both(t *testing.T) call {
	t.Helper()
	r := answering(t, 204)
	o := private(r.URL)
	o.Endpoint.Secrets = [][]byte{newer, older}
	o.Endpoint.Keys = []ed25519.PrivateKey{edKey("n"), edKey("o")}
	delivered(t, caller(t, o))
	return r.arrived()[0]
}

func TestEveryCallIsSignedWithEverySecretAndKey(t *testing.T) {
	got := both(t)
	signatures := strings.Split(got.header.Get("webhook-signature"), " ")
	if len(signatures) != 4 || !strings.HasPrefix(signatures[0], "v1,") || !strings.HasPrefix(signatures[1], "v1,") {
		t.Fatalf("signed %s", signatures)
	}
	content := []byte(got.header.Get("webhook-id") + "." + got.header.Get("webhook-timestamp") + "." + string(got.body))
	for i, k := range []ed25519.PrivateKey{edKey("n"), edKey("o")} {
		text, prefixed := strings.CutPrefix(signatures[2+i], "v1a,")
		signature, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !prefixed || !ed25519.Verify(public(k), content, signature) {
			t.Errorf("key %d: %s is not its signature, %v", i, signatures[2+i], err)
		}
	}
	for name, trust := range map[string]webhook.Trust{
		"the newer secret":        {Secrets: [][]byte{newer}},
		"the older secret":        {Secrets: [][]byte{older}},
		"the newer key":           {Keys: []ed25519.PublicKey{public(edKey("n"))}},
		"the older key":           {Keys: []ed25519.PublicKey{public(edKey("o"))}},
		"a strange key and ours":  {Keys: []ed25519.PublicKey{public(edKey("x")), public(edKey("o"))}},
		"a strange key, a secret": {Keys: []ed25519.PublicKey{public(edKey("x"))}, Secrets: [][]byte{older}},
	} {
		if err := trust.Verify(got.header, got.body, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyAloneIsEnough(t *testing.T) {
	r := answering(t, 204)
	o := private(r.URL)
	o.Endpoint.Secrets, o.Endpoint.Keys = [][]byte{}, []ed25519.PrivateKey{edKey("n")}
	delivered(t, caller(t, o))
	got := r.arrived()[0]
	if err := (webhook.Trust{Keys: []ed25519.PublicKey{public(edKey("n"))}}).Verify(got.header, got.body, now); err != nil {
		t.Error(err)
	}
	if s := got.header.Get("webhook-signature"); strings.Contains(s, " ") {
		t.Errorf("signed %s", s)
	}
}

func TestARefusalSaysWhatToLookAt(t *testing.T) {
	got := both(t)
	v1, v1a, _ := strings.Cut(got.header.Get("webhook-signature"), " v1a,")
	ours := webhook.Trust{Keys: []ed25519.PublicKey{public(edKey("n"))}}
	for name, row := range map[string]struct {
		trust     webhook.Trust
		signature string
		body      string
		want      string
	}{
		"another body":   {ours, "v1a," + v1a, "{}", "none of its signatures (v1: 0, v1a: 2) is of this secret and this body"},
		"another key":    {webhook.Trust{Keys: []ed25519.PublicKey{public(edKey("x"))}}, "v1a," + v1a, "", "none of its signatures"},
		"as v1":          {ours, "v1," + v1a, "", "none of its signatures (v1: 1, v1a: 1)"},
		"only v1":        {ours, v1, "", "knows only a v1a key"},
		"only v1a":       {webhook.Trust{Secrets: [][]byte{newer}}, "v1a," + v1a, "", "knows only a v1 secret"},
		"none":           {ours, "", "", "webhook-signature is missing"},
		"another scheme": {ours, "v2,AAAA", "", "no signature of version v1 or v1a"},
		"cut short":      {ours, "v1a," + v1a[:20], "", "none of its signatures"},
		"nobody trusted": {webhook.Trust{}, "v1a," + v1a, "", "neither a secret nor a key"},
		"no key at all":  {webhook.Trust{Keys: []ed25519.PublicKey{nil}}, "v1a," + v1a, "", "has 0 bytes, needs 32"},
	} {
		h := got.header.Clone()
		h.Set("webhook-signature", row.signature)
		if row.body == "" {
			row.body = string(got.body)
		}
		if err := row.trust.Verify(h, []byte(row.body), now); !errors.Is(err, webhook.ErrSignature) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyThatCannotSignIsRefused(t *testing.T) {
	o := private("http://127.0.0.1:1")
	o.Events, o.Endpoint.Keys = desk{}, []ed25519.PrivateKey{make([]byte, 32)}
	if _, err := webhook.New(o); err == nil || !strings.Contains(err.Error(), "32 bytes, needs 64") {
		t.Errorf("New = %v", err)
	}
}

func TestASampleSwitchesNothingOff(t *testing.T) {
	r := answering(t, http.StatusGone)
	c := caller(t, private(r.URL))
	told, _ := desk{}.Event(t.Context(), entry)
	told.Type = webhook.EventTest
	for range 2 {
		f := new(webhook.Failure)
		if _, err := c.Send(t.Context(), told); !errors.As(err, &f) || f.Status != http.StatusGone {
			t.Fatalf("Tell = %v", err)
		}
	}
	if n := len(r.arrived()); n != 2 {
		t.Errorf("%d calls", n)
	}
}
