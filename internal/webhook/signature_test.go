package webhook_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/webhook"
)

// The vector of the reference libraries of Standard Webhooks.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

func vector(t *testing.T) (secret []byte, h http.Header) {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h = http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", vectorSignature)
	return secret, h
}

func TestTheReferenceVectorIsGenuineWithinTheTolerance(t *testing.T) {
	secret, h := vector(t)
	for _, off := range []time.Duration{0, webhook.Tolerance, -webhook.Tolerance} {
		if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime.Add(off)); err != nil {
			t.Errorf("%v off: %v", off, err)
		}
	}
}

func TestAnySignatureOfACallMayMatch(t *testing.T) {
	secret, h := vector(t)
	h.Set("webhook-signature", "v1a,"+strings.Repeat("A", 86)+"== v1,AAAA "+vectorSignature+" v2,x")
	if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotGenuineIsRefused(t *testing.T) {
	type received struct {
		header       http.Header
		secret, body []byte
		at           time.Time
	}
	set := func(name, value string) func(*received) {
		return func(c *received) { c.header.Set(name, value) }
	}
	without := func(name string) func(*received) {
		return func(c *received) { c.header.Del(name) }
	}
	for name, spoil := range map[string]func(*received){
		"another body":      func(c *received) { c.body = append(c.body, ' ') },
		"another secret":    func(c *received) { c.secret = newer },
		"too old":           func(c *received) { c.at = c.at.Add(webhook.Tolerance + time.Second) },
		"from the future":   func(c *received) { c.at = c.at.Add(-webhook.Tolerance - time.Second) },
		"another id":        set("webhook-id", "msg_2"),
		"no id":             without("webhook-id"),
		"another timestamp": set("webhook-timestamp", "1614265331"),
		"no timestamp":      without("webhook-timestamp"),
		"signed timestamp":  set("webhook-timestamp", "+1614265330"),
		"huge timestamp":    set("webhook-timestamp", "18446744073709551615"),
		"no signature":      without("webhook-signature"),
		"other version":     set("webhook-signature", "v1a"+vectorSignature[2:]),
		"bare signature":    set("webhook-signature", vectorSignature[3:]),
		"cut short":         set("webhook-signature", vectorSignature[:20]),
	} {
		t.Run(name, func(t *testing.T) {
			secret, h := vector(t)
			call := &received{h, secret, []byte(vectorBody), vectorTime}
			spoil(call)
			err := webhook.Verify(call.secret, call.header, call.body, call.at)
			if !errors.Is(err, webhook.ErrSignature) {
				t.Errorf("Verify = %v", err)
			}
		})
	}
}

func TestAMissingSecretIsNotAnEmptyKey(t *testing.T) {
	for _, secret := range [][]byte{nil, {}, newer[:23], append(newer[:24:24], older...)} {
		_, h := vector(t)
		h.Set("webhook-signature", signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."+vectorBody))
		if err := webhook.Verify(secret, h, []byte(vectorBody), vectorTime); !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("a secret of %d bytes: %v", len(secret), err)
		}
	}
}

// signed is a signature over content of any shape.
func signed(secret []byte, content string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(content))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestThePartsOfWhatIsSignedCannotBeShifted(t *testing.T) {
	secret, h := vector(t)
	h.Set("webhook-signature", signed(secret, "msg.1614265330.1614265330.x"))
	h.Set("webhook-id", "msg")
	if err := webhook.Verify(secret, h, []byte("1614265330.x"), vectorTime); err != nil {
		t.Fatalf("as it was signed: %v", err)
	}
	h.Set("webhook-id", "msg.1614265330")
	if err := webhook.Verify(secret, h, []byte("x"), vectorTime); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("with part of the body in the id: %v", err)
	}
}

func edKey(fill string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(fill, ed25519.SeedSize)))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// both sends an event to a receiver with two secrets and two keys, and returns what arrived.
func both(t *testing.T) call {
	t.Helper()
	r := answering(t, 204)
	o := private(r.URL)
	o.Endpoint.Secrets = [][]byte{newer, older}
	o.Endpoint.Keys = []ed25519.PrivateKey{edKey("n"), edKey("o")}
	delivered(t, sender(t, o))
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
			t.Errorf("key %d: %s is not its signature: %v", i, signatures[2+i], err)
		}
	}
	for name, trust := range map[string]webhook.Verifier{
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
	delivered(t, sender(t, o))
	got := r.arrived()[0]
	if err := (webhook.Verifier{Keys: []ed25519.PublicKey{public(edKey("n"))}}).Verify(got.header, got.body,
		now); err != nil {
		t.Error(err)
	}
	if s := got.header.Get("webhook-signature"); strings.Contains(s, " ") {
		t.Errorf("signed %s", s)
	}
}

func TestARefusalSaysWhatIsWrong(t *testing.T) {
	got := both(t)
	v1, v1a, _ := strings.Cut(got.header.Get("webhook-signature"), " v1a,")
	ours := webhook.Verifier{Keys: []ed25519.PublicKey{public(edKey("n"))}}
	for name, row := range map[string]struct {
		trust     webhook.Verifier
		signature string
		body      string
		want      string
	}{
		"another body": {ours, "v1a," + v1a, "{}",
			"none of its signatures (v1: 0, v1a: 2) matches this secret and this body"},
		"another key": {webhook.Verifier{Keys: []ed25519.PublicKey{public(edKey("x"))}}, "v1a," + v1a, "",
			"none of its signatures"},
		"as v1":               {ours, "v1," + v1a, "", "none of its signatures (v1: 1, v1a: 1)"},
		"only v1":             {ours, v1, "", "has only a v1a key"},
		"only v1a":            {webhook.Verifier{Secrets: [][]byte{newer}}, "v1a," + v1a, "", "has only a v1 secret"},
		"none":                {ours, "", "", "webhook-signature is missing"},
		"another scheme":      {ours, "v2,AAAA", "", "no signature of version v1 or v1a"},
		"cut short":           {ours, "v1a," + v1a[:20], "", "none of its signatures"},
		"no secrets, no keys": {webhook.Verifier{}, "v1a," + v1a, "", "neither a secret nor a key"},
		"no key at all": {
			webhook.Verifier{Keys: []ed25519.PublicKey{nil}}, "v1a," + v1a, "", "has 0 bytes, needs 32",
		},
	} {
		h := got.header.Clone()
		h.Set("webhook-signature", row.signature)
		if row.body == "" {
			row.body = string(got.body)
		}
		if err := row.trust.Verify(h, []byte(row.body), now); !errors.Is(err,
			webhook.ErrSignature) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyThatCannotSignIsRefused(t *testing.T) {
	o := private("http://127.0.0.1:1")
	o.Events, o.Endpoint.Keys = events{}, []ed25519.PrivateKey{make([]byte, 32)}
	if _, err := webhook.New(o); err == nil || !strings.Contains(err.Error(), "32 bytes, needs 64") {
		t.Errorf("New = %v", err)
	}
}
