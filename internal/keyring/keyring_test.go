package keyring_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/optin/optin/internal/keyring"
)

var (
	older = bytes.Repeat([]byte("o"), 32)
	newer = bytes.Repeat([]byte("n"), 32)
)

func ring(t *testing.T, secrets ...[]byte) *keyring.Keyring {
	t.Helper()
	r, err := keyring.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAShortOrMissingSecretIsRefused(t *testing.T) {
	for _, secrets := range [][][]byte{nil, {[]byte("short")}, {newer, bytes.Repeat([]byte("x"), 31)}} {
		if _, err := keyring.New(secrets...); err == nil {
			t.Errorf("secrets %q were accepted", secrets)
		}
	}
}

func TestSealedOpensOnlyInItsOwnContext(t *testing.T) {
	r := ring(t, newer)
	sealed := r.Seal("gazette/a", []byte("ada@example.org"))
	if bytes.Contains(sealed, []byte("ada@example")) {
		t.Fatal("the plain text shows")
	}
	if plain, err := r.Open("gazette/a", sealed); err != nil || string(plain) != "ada@example.org" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if _, err := r.Open("gazette/b", sealed); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("another context: %v", err)
	}
	if again := r.Seal("gazette/a", []byte("ada@example.org")); bytes.Equal(again, sealed) {
		t.Error("sealing twice gave the same bytes")
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	r := ring(t, newer)
	sealed := r.Seal("c", []byte("x"))
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := r.Open("c", bad); !errors.Is(err, keyring.ErrSealed) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := r.Open("c", sealed[:n]); !errors.Is(err, keyring.ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestAnOlderSecretIsAcceptedAndTheFirstMakes(t *testing.T) {
	before, during, after := ring(t, older), ring(t, newer, older), ring(t, newer)
	sealed := before.Seal("c", []byte("x"))
	if _, err := during.Open("c", sealed); err != nil {
		t.Errorf("sealed under the older secret: %v", err)
	}
	if _, err := after.Open("c", sealed); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("the older secret is no longer listed: %v", err)
	}
	if _, err := after.Open("c", during.Seal("c", []byte("x"))); err != nil {
		t.Errorf("the first secret did not make: %v", err)
	}
	if !bytes.Equal(during.Keys("link")[1], before.Keys("link")[0]) {
		t.Error("the older key changed by being listed second")
	}
}

func TestKeysOfDifferentLabelsDiffer(t *testing.T) {
	r := ring(t, newer)
	if bytes.Equal(r.Keys("a")[0], r.Keys("b")[0]) {
		t.Error("two labels, one key")
	}
	if bytes.Equal(r.MACs("id", "ab", "c")[0], r.MACs("id", "a", "bc")[0]) {
		t.Error("where a part ends does not count")
	}
}
