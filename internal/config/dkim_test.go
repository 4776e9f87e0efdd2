package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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

func TestKeysOfBothKindsAndFormsAreTaken(t *testing.T) {
	k, err := parseKey(rsaKey(t, 2048))
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.(*rsa.PrivateKey))})
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

func TestKeysThatReceiversRefuseAreRefused(t *testing.T) {
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
		"cut":        {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[:400]})), "damaged"},
	} {
		if _, err := parseKey(row.text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", name, err, row.want)
		}
	}
}
