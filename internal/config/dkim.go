package config

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// minRSA is the least size of an RSA key in bits: signers SHOULD use 2048 (RFC 8301, section 3.2).
const minRSA = 2048

// readDKIM reads one entry of smtp.dkim.
func readDKIM(v value) DKIM {
	g := v.group("domain", "selector", "key_file")
	d := DKIM{
		Domain:   required(g.get("domain"), parseDomain),
		Selector: required(g.get("selector"), parseSelector),
	}
	file := g.get("key_file")
	if !file.given() {
		file.fail("is missing; optin keys -dkim makes a key")
		return d
	}
	d.Key = checked(file.secretFile(), parseKey)
	return d
}

// parseDomain takes the domain that signs.
func parseDomain(s string) (string, error) {
	if !isDomain(s) {
		return "", errors.New("must be a domain such as gazette.example, in ASCII letters (xn--… for others)")
	}
	return strings.ToLower(s), nil
}

// parseSelector takes a DKIM selector (RFC 6376, section 3.1): labels of a name in DNS.
func parseSelector(s string) (string, error) {
	if len(s) > 63 || !isDomain("a."+s+".example") {
		return "", errors.New("must be a selector: letters, digits and hyphens, such as optin")
	}
	return strings.ToLower(s), nil
}

// parseKey takes a private key in PEM: PKCS #8, or PKCS #1 for RSA.
func parseKey(text string) (crypto.Signer, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("is not one key in PEM; optin keys -dkim makes one")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, errors.New("has a PEM block that is neither PRIVATE KEY nor RSA PRIVATE KEY; keys with a passphrase are not supported: optin keys -dkim makes one")
	}
	if err != nil {
		return nil, errors.New("is a damaged key; optin keys -dkim makes one")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < minRSA {
			return nil, errors.New("is an RSA key of fewer than 2048 bits, which receivers may refuse; optin keys -dkim makes one")
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("is a key that is neither RSA nor Ed25519; optin keys -dkim makes one")
}
