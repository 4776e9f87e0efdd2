package config

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
)

// rsaKey is a new private key in PEM, PKCS #8.
func rsaKey(t testing.TB, bits int) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, k)
}

// edKey is a new Ed25519 key in PEM, for tests that read it often: checking an RSA key takes milliseconds.
func edKey(t testing.TB) string {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, k)
}

func pkcs8(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestDKIMKeysOfBothKindsAndFormsAreRead(t *testing.T) {
	k, err := parseKey(rsaKey(t, 2048))
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PrivateKey(k.(*rsa.PrivateKey))
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})
	if again, err := parseKey(string(pkcs1)); err != nil || !again.(*rsa.PrivateKey).Equal(k) {
		t.Errorf("PKCS #1: %v", err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := parseKey(pkcs8(t, ed)); err != nil || !again.(ed25519.PrivateKey).Equal(ed) {
		t.Errorf("Ed25519: %v", err)
	}
}

func TestDKIMKeysThatReceiversRefuseAreRefused(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := rsaKey(t, 2048)
	block, _ := pem.Decode([]byte(good))
	for name, row := range map[string]struct{ text, want string }{
		"short":      {rsaKey(t, 1024), "fewer than 2048 bits"},
		"curve":      {pkcs8(t, curve), "neither RSA nor Ed25519"},
		"nothing":    {"", "not one key in PEM"},
		"two":        {good + good, "not one key in PEM"},
		"public":     {strings.ReplaceAll(good, "PRIVATE", "PUBLIC"), "neither PRIVATE KEY nor RSA PRIVATE KEY"},
		"wrong form": {strings.ReplaceAll(good, "PRIVATE", "RSA PRIVATE"), "damaged"},
		"cut": {
			string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[:400]})),
			"damaged",
		},
	} {
		if _, err := parseKey(row.text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", name, err, row.want)
		}
	}
}

// hookKey is a v1a key as Standard Webhooks writes it: as its seed, and with its public key.
func hookKey(fill string) (short, long string, key ed25519.PrivateKey) {
	key = ed25519.NewKeyFromSeed([]byte(strings.Repeat(fill, 32)))
	return "whsk_" + base64.StdEncoding.EncodeToString(key.Seed()), "whsk_" + base64.StdEncoding.EncodeToString(key),
		key
}

// withHook is the contract's example with another secret for its webhook.
func withHook(t *testing.T, secret string) (*Config, error) {
	text := strings.Replace(contract, "secret: ${GAZETTE_WEBHOOK_SECRET}", secret, 1)
	return Parse("optin.yaml", []byte(text), variables,
		files(map[string]string{"dkim.pem": edKey(t), "new": testHook + "\n", "old": testSecret}))
}

func TestAWebhookMayHaveSeveralSecretsAndKeys(t *testing.T) {
	short, _, a := hookKey("a")
	_, long, b := hookKey("b")
	c, err := withHook(t, "secret: [${GAZETTE_WEBHOOK_SECRET}, "+testSecret+", "+short+", "+long+"]")
	if err != nil {
		t.Fatal(err)
	}
	w := c.Sites[0].Webhooks[0]
	if len(w.Secrets) != 2 || string(w.Secrets[0]) != testHookRaw || len(w.Secrets[1]) != 32 {
		t.Errorf("%d secrets, not newest first", len(w.Secrets))
	}
	if len(w.Keys) != 2 || !bytes.Equal(w.Keys[0], a.Seed()) || !bytes.Equal(w.Keys[1], b.Seed()) {
		t.Errorf("%d keys, not newest first", len(w.Keys))
	}
	if c, err = withHook(t, "secret: "+long); err != nil || len(c.Sites[0].Webhooks[0].Secrets) != 0 ||
		len(c.Sites[0].Webhooks[0].Keys) != 1 {
		t.Errorf("a key alone: %v", err)
	}
	if c, err = withHook(t, "secret_file: [new, old]"); err != nil || len(c.Sites[0].Webhooks[0].Secrets) != 2 {
		t.Errorf("two files: %v", err)
	}
}

func TestAWebhooksPublicKeyIsRead(t *testing.T) {
	_, _, key := hookKey("a")
	public := key.Public().(ed25519.PublicKey)
	text := base64.StdEncoding.EncodeToString(public)
	if got, err := ParseWebhookPublic("whpk_" + text); err != nil || !public.Equal(got) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", text, "whpk_", "whpk_*", "whpk_" + text[:20], "whsk_" + text} {
		if got, err := ParseWebhookPublic(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestWrongWebhookSecretsAreRefused(t *testing.T) {
	_, long, _ := hookKey("a")
	_, other, _ := hookKey("b")
	mixed := long[:len("whsk_")+42] + other[len("whsk_")+42:]
	const at = "22: sites[0].webhooks[0].secret"
	const from = "secret: ${GAZETTE_WEBHOOK_SECRET}"
	refuse(t, []refusal{
		{from, "secret: whsk_*", []string{at + " is not base64 after whsk_; optin keys -v1a makes one"}},
		{from, "secret: whsk_c2hvcnQ=",
			[]string{at + " must be 32 or 64 bytes after whsk_ once decoded; optin keys -v1a makes one"}},
		{from, "secret: " + mixed, []string{
			at + " has a public key that does not belong to the private key before it; optin keys -v1a makes one",
		}},
		{from, "secret: []", []string{at + " must have at least one entry"}},
		{from, "secret: [${GAZETTE_WEBHOOK_SECRET}, '']", []string{at + "[1] is empty; optin keys makes one"}},
		{from, "secret: [${GAZETTE_WEBHOOK_SECRET}, ${GAZETTE_WEBHOOK_SECRET}]",
			[]string{at + "[1] is listed twice; keep one"}},
		{from, "secret: ${GAZETTE_WEBHOOK_SECRET}, secret_file: x",
			[]string{at + "_file is given together with secret; keep one of the two"}},
	})
}
