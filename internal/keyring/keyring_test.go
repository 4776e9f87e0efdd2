package keyring_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// States of hashes are kept and used again. Neither what they hashed before nor who uses them at the same time counts.
func TestKeysAndMACsAreThoseOfTheStandards(t *testing.T) {
	prk, err := hkdf.Extract(sha256.New, newer, []byte("optin"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Expand(sha256.New, prk, "key id", 32)
	if err != nil {
		t.Fatal(err)
	}
	r := ring(t, newer)
	if got := r.Keys("id")[0]; !bytes.Equal(got, key) {
		t.Errorf("Keys = %x, HKDF makes %x", got, key)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				part := strings.Repeat(string(rune('a'+i)), n)
				h := hmac.New(sha256.New, key)
				fmt.Fprintf(h, "\x00\x00\x00\x04site%s%s", binary.BigEndian.AppendUint32(nil, uint32(n)), part)
				if got := r.MACs("id", "site", part)[0]; !bytes.Equal(got, h.Sum(nil)) {
					t.Errorf("MACs of %d bytes = %x", n, got)
				}
			}
		})
	}
	all.Wait()
}

func TestABoxSealsAndOpensAsTheKeyringDoes(t *testing.T) {
	before, during := ring(t, older), ring(t, newer, older)
	box, shared := during.Box("c"), during.Shared("c")
	for _, sealed := range [][]byte{
		before.Seal("c", []byte("x")), during.Seal("c", []byte("x")), box.Seal([]byte("x")), box.Seal([]byte("x")),
	} {
		if plain, err := box.Open(sealed); err != nil || string(plain) != "x" {
			t.Errorf("the box: %q, %v", plain, err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if plain, err := shared.Open(sealed); err != nil || string(plain) != "x" {
					t.Errorf("the shared box: %q, %v", plain, err)
				}
				if _, err := before.Open("c", shared.Seal([]byte("x"))); err == nil {
					t.Error("the shared box seals under the older secret")
				}
			})
		}
		all.Wait()
		if plain, err := during.Open("c", sealed); err != nil || string(plain) != "x" {
			t.Errorf("the keyring: %q, %v", plain, err)
		}
		if _, err := during.Box("d").Open(sealed); !errors.Is(err, keyring.ErrSealed) {
			t.Errorf("a box of another context: %v", err)
		}
	}
}

func TestAFingerprintNamesASecretAndNothingElse(t *testing.T) {
	one, two := bytes.Repeat([]byte("1"), 32), bytes.Repeat([]byte("2"), 32)
	both := ring(t, one, two).Fingerprints()
	if len(both) != 2 || both[0] == both[1] || len(both[0]) != 16 {
		t.Fatalf("fingerprints are %q", both)
	}
	for i, secret := range [][]byte{one, two} {
		if again := ring(t, secret).Fingerprints(); len(again) != 1 || again[0] != both[i] {
			t.Errorf("beside others it is %s, and alone %s", both[i], again)
		}
	}
}
