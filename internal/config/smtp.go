package config

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/relay"
)

// readSMTP reads the smtp section.
func readSMTP(v value) SMTP {
	g := v.group("url", "url_file", "connections", "max_connections", "ca_file", "dkim")
	var s SMTP
	for _, item := range g.requiredSecrets("url") {
		a := checked(item, parseRelay)
		if a.Host != "" && slices.ContainsFunc(s.Relays,
			func(o relay.Address) bool { return o.HostPort() == a.HostPort() }) {
			item.at.fail("names a relay that is already listed; keep one")
		}
		s.Relays = append(s.Relays, a)
	}
	s.Connections = optional(g.get("connections"), DefaultConnections, parseConnections)
	most := g.get("max_connections")
	if most.given() || !g.get("connections").given() {
		s.MaxConnections = optional(most, DefaultMaxConnections, parseConnections)
	} else {
		s.MaxConnections = s.Connections // who names one number means it
	}
	if s.MaxConnections > 0 && s.MaxConnections < s.Connections {
		most.fail("must not be less than smtp.connections")
	}
	if file := g.get("ca_file"); file.given() {
		s.CA = checked(file.secretFile(), parseCertificates)
	}
	lines := map[string]int{}
	for _, item := range g.get("dkim").list() {
		d := readDKIM(item)
		name := d.String()
		if first, again := lines[name]; again && d.Domain != "" && d.Selector != "" {
			item.fail("has the same domain and selector as line %d; keep one", first)
		}
		lines[name] = item.line
		s.DKIM = append(s.DKIM, d)
	}
	return s
}

// parseRelay parses the URL of a relay. Its host is a name or an IP address, as everywhere in the file.
func parseRelay(s string) (relay.Address, error) {
	a, err := relay.Parse(s)
	if err == nil && !isHost(a.Host) {
		return relay.Address{}, relay.ErrHost
	}
	return a, err
}

// parseConnections parses the number of connections that are held open to each relay.
func parseConnections(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < 1 || n > 64 {
		return 0, errors.New("must be a whole number from 1 to 64")
	}
	return int(n), nil
}

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

// parseCertificates parses the certificates of a PEM file: those of authorities, or of the relays themselves.
func parseCertificates(text string) (all []*x509.Certificate, err error) {
	for rest := []byte(text); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return nil, errors.New("has a private key; give the certificate alone")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("has a block that is not a certificate (BEGIN CERTIFICATE)")
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("has no certificate in PEM (BEGIN CERTIFICATE)")
	}
	return all, nil
}

// parseSelector parses a DKIM selector (RFC 6376, section 3.1): labels of a name in DNS.
func parseSelector(s string) (string, error) {
	if len(s) > 63 || !isDomain("a."+s+".example") {
		return "", errors.New("must be a selector: letters, digits and hyphens, such as optin")
	}
	return strings.ToLower(s), nil
}

// parseKey parses a private key in PEM: PKCS #8, or PKCS #1 for RSA.
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
		return nil, errors.New("has a PEM block that is neither PRIVATE KEY nor RSA PRIVATE KEY; keys with a " +
			"passphrase are not supported: optin keys -dkim makes one")
	}
	if err != nil {
		return nil, errors.New("is a damaged key; optin keys -dkim makes one")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < keyring.MinRSABits {
			return nil, fmt.Errorf("is an RSA key of fewer than %d bits, which receivers may refuse; optin keys "+
				"-dkim makes one", keyring.MinRSABits)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("is a key that is neither RSA nor Ed25519; optin keys -dkim makes one")
}
