package preflight

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
)

const (
	goodRSA  = 2048 // bits; RFC 8301, section 3.2
	leastRSA = 1024
)

// dkimRecord is the record of a key (RFC 6376, section 3.6.1; RFC 8463, section 4.2).
func dkimRecord(key crypto.PublicKey) (string, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(k), nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < leastRSA {
			return "", fmt.Errorf("it is RSA of %d bits, and receivers refuse less than %d", bits, leastRSA)
		}
		der, err := x509.MarshalPKIXPublicKey(k)
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), err
	}
	return "", errors.New("it is neither RSA nor Ed25519")
}

// keySize is the size of an RSA key in bits. Of other keys the size is no matter.
func keySize(key crypto.PublicKey) int {
	if k, ok := key.(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return math.MaxInt
}

// weighDKIM says what receivers make of a record, if letters are signed by the other half of key. What it says goes on from the record's name.
func weighDKIM(txt string, key crypto.PublicKey) (Level, string) {
	t, err := splitTags(txt)
	if err != nil {
		return Wrong, fmt.Sprintf("cannot be read: %v. Receivers take it for none.", err)
	}
	kind := "rsa"
	if _, ed := key.(ed25519.PublicKey); ed {
		kind = "ed25519"
	}
	version, versioned := t.find("v")
	p, given := t.find("p")
	p = strings.Join(strings.Fields(p), "")
	switch k := t.get("k", "rsa"); {
	case versioned && (version != "DKIM1" || t[0].name != "v"):
		return Wrong, "does not begin with v=DKIM1. Receivers take it for none."
	case !given:
		return Wrong, "has no p=, and so no key."
	case p == "":
		return Wrong, "has an empty p=: it says that the key is revoked."
	case k != kind:
		return Wrong, fmt.Sprintf("is for a key of kind k=%s, and ours is k=%s.", k, kind)
	case !lists(t.get("h", "sha256"), "sha256"):
		return Wrong, fmt.Sprintf("allows h=%s only, and we sign with sha256, as RFC 8301 demands.", t.get("h", ""))
	case !lists(t.get("s", "*"), "*") && !lists(t.get("s", "*"), "email"):
		return Wrong, fmt.Sprintf("is for s=%s, and not for mail.", t.get("s", ""))
	}
	if err := sameKey(p, key); err != nil {
		return Wrong, fmt.Sprintf("does not fit the configured key: %v. Receivers take our signature for a forgery.", err)
	}
	return cautions(t, versioned, key)
}

// cautions is what is said of a record that fits.
func cautions(t tags, versioned bool, key crypto.PublicKey) (Level, string) {
	var said []string
	if lists(t.get("t", ""), "y") {
		said = append(said, "says t=y, that signing is on trial, and receivers may treat letters as not signed. Take t=y out.")
	}
	if !versioned {
		said = append(said, "does not say v=DKIM1, and some receivers do not find it then.")
	}
	if bits := keySize(key); bits < goodRSA {
		said = append(said, fmt.Sprintf("has an RSA key of %d bits, which some receivers no longer trust; %d are usual.", bits, goodRSA))
	}
	if len(said) > 0 {
		return Warning, strings.Join(said, " It ")
	}
	return OK, "has the public half of the configured key."
}

// sameKey compares what a record has in p= with a key, and says how they differ.
func sameKey(p string, key crypto.PublicKey) error {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return errors.New("its p= is damaged, perhaps cut off when it was pasted")
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		switch {
		case bytes.Equal(der, k):
			return nil
		case len(der) != ed25519.PublicKeySize:
			return fmt.Errorf("its p= holds %d bytes, and an Ed25519 key is the bare %d (RFC 8463, section 4.2)", len(der), ed25519.PublicKeySize)
		}
	case *rsa.PublicKey:
		got, err := parseRSA(der)
		switch {
		case err != nil:
			return errors.New("its p= is damaged, perhaps cut off when it was pasted")
		case k.Equal(got):
			return nil
		case got.N.BitLen() != k.N.BitLen():
			return fmt.Errorf("its p= is another key, of %d bits where ours has %d", got.N.BitLen(), k.N.BitLen())
		}
	}
	return errors.New("its p= is another key")
}

// parseRSA reads a key as records have it: a bare RSAPublicKey, as the words of RFC 6376, section 3.6.1, have it, or a SubjectPublicKeyInfo, as
// its appendix C and everybody has it.
func parseRSA(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	whole, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := whole.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("not RSA")
	}
	return key, nil
}
