package config

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/relay"
)

// readSMTP reads the smtp section.
func readSMTP(v value) SMTP {
	g := v.group("url", "url_file", "connections", "dkim")
	var s SMTP
	for _, item := range g.requiredSecrets("url") {
		a := checked(item, parseRelay)
		if a.Host != "" && slices.ContainsFunc(s.Relays, func(o relay.Address) bool { return o.HostPort() == a.HostPort() }) {
			item.at.fail("names a relay that is already listed; keep one")
		}
		s.Relays = append(s.Relays, a)
	}
	s.Connections = optional(g.get("connections"), DefaultConnections, parseConnections)
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

// parseRelay parses the URL of a relay: smtp://[user:password@]host[:587][?tls=required|off], with STARTTLS if it is offered, or
// smtps://[user:password@]host[:465]. The ports are those of RFC 8314, section 3.3.
func parseRelay(raw string) (relay.Address, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.ContainsFunc(raw, isControl):
		return relay.Address{}, errors.New("is not a URL such as smtp://user:pass@relay.example:587; percent-encode / ? # @ in a password as %2F %3F %23 %40")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return relay.Address{}, errors.New("must begin with smtp:// or smtps://")
	case !isHost(u.Hostname()) || !isPort(u.Port(), true) || u.Path != "" && u.Path != "/" || strings.Contains(raw, "#"):
		return relay.Address{}, errors.New("must have a host, a port from 1 to 65535 if any, followed by nothing except ?tls=required or ?tls=off")
	}
	a := relay.Address{Host: strings.ToLower(u.Hostname()), User: u.User.Username()}
	a.Password, _ = u.User.Password()
	if (a.User == "") != (a.Password == "") {
		return relay.Address{}, errors.New("must have both a user and a password before the host, or neither")
	}
	usual := map[string]string{"smtp": "587", "smtps": "465"}
	a.Port, _ = strconv.Atoi(cmp.Or(u.Port(), usual[u.Scheme]))
	a.TLS, err = parseTLS(u.Scheme, u.RawQuery)
	return a, err
}

// parseTLS parses the scheme and the query of a relay's URL.
func parseTLS(scheme, query string) (relay.TLS, error) {
	switch {
	case scheme == "smtps" && query == "":
		return relay.Implicit, nil
	case scheme == "smtps":
		return "", errors.New("must end after the host and port: smtps:// always has TLS")
	case query == "":
		return relay.Offered, nil
	case query == "tls=required":
		return relay.Required, nil
	case query == "tls=off":
		return relay.Off, nil
	}
	return "", errors.New("has an unknown option; only ?tls=required and ?tls=off are known")
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
		return nil, errors.New("has a PEM block that is neither PRIVATE KEY nor RSA PRIVATE KEY; keys with a passphrase are not supported: optin keys -dkim makes one")
	}
	if err != nil {
		return nil, errors.New("is a damaged key; optin keys -dkim makes one")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < keyring.MinRSABits {
			return nil, fmt.Errorf("is an RSA key of fewer than %d bits, which receivers may refuse; optin keys -dkim makes one", keyring.MinRSABits)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("is a key that is neither RSA nor Ed25519; optin keys -dkim makes one")
}
