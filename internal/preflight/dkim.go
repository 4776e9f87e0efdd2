package preflight

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/optin/optin/internal/keyring"
)

// dkim checks the record of a key.
func (c *checker) dkim(ctx context.Context, k DKIMKey) []Finding {
	name := k.Selector + "._domainkey." + k.Domain
	f := Finding{Level: Wrong, Check: "DKIM", About: k.Domain, Sites: c.signedBy(k)}
	record, err := dkimRecord(k.Public)
	if err != nil {
		f.What = fmt.Sprintf("Receivers do not accept signatures of the key %s of %s: %v.", k.Selector, k.Domain, err)
		f.Fix = newKey(k.Domain, k.Selector+"2")
		return []Finding{f}
	}
	f.Fix = []string{txtLine(name, record)}
	txts, err := c.dns.LookupTXT(ctx, name)
	switch {
	case err != nil && !notFound(err):
		return []Finding{noAnswer("DKIM", k.Domain, f.Sites, "the DKIM record "+name, err)}
	case len(txts) == 0:
		f.What = fmt.Sprintf("There is no DNS record %s, so receivers cannot verify our signature and treat emails "+
			"from %s as unsigned.", name, k.Domain)
		return []Finding{f}
	case len(txts) > 1:
		f.What = fmt.Sprintf("There are %d TXT records at %s, and receivers use any one of them.", len(txts), name)
		f.Fix = []string{"Replace them all with this one:", f.Fix[0]}
		return []Finding{f}
	}
	f.Level, f.What = checkDKIMRecord(txts[0], k.Public)
	f.What = fmt.Sprintf("The DKIM record %s %s", name, f.What)
	switch {
	case f.Level == OK:
		f.Fix = nil
	default:
		f.Fix = append([]string{"Replace it with this record:"}, f.Fix...)
	}
	return []Finding{f}
}

// signedBy returns the sites whose emails a key signs.
func (c *checker) signedBy(k DKIMKey) (sites []string) {
	for _, s := range c.Senders {
		if isWithin(s.Domain, k.Domain) {
			sites = append(sites, s.Sites...)
		}
	}
	return sites
}

// keysOf returns the keys that sign emails from a domain: its own and its parents'.
func (c *checker) keysOf(domain string) (keys []DKIMKey) {
	for _, k := range c.Keys {
		if isWithin(domain, k.Domain) {
			keys = append(keys, k)
		}
	}
	return keys
}

// hasKey checks that emails from a domain are signed, and with a key that all receivers can verify.
func (c *checker) hasKey(d domain) []Finding {
	f := Finding{Level: Wrong, Check: "DKIM", About: d.name, Sites: d.sites}
	keys := c.keysOf(d.name)
	for _, k := range keys {
		if _, ed := k.Public.(ed25519.PublicKey); !ed {
			return nil
		}
	}
	if len(keys) > 0 {
		f.Level, f.Fix = Warn, newKey(d.name, keys[0].Selector+"-rsa")
		f.What = fmt.Sprintf("Emails from %s are signed with Ed25519 only, which many receivers do not verify yet "+
			"(RFC 8463). They treat these emails as unsigned.", d.name)
		return []Finding{f}
	}
	f.Fix = newKey(d.name, "optin")
	f.What = fmt.Sprintf("No DKIM key is configured for %s or a parent domain, so its emails are sent unsigned. "+
		"Gmail, Outlook and Yahoo "+
		"treat them as spam or reject them, unless the relay signs them for %[1]s.", d.name)
	return []Finding{f}
}

// newKey returns the steps to get a key that signs for a domain.
func newKey(domain, selector string) []string {
	return []string{
		fmt.Sprintf("optin keys -dkim -domain %s -selector %s -out dkim-%[2]s.pem", domain, selector),
		"Paste the DNS record that it prints, and add the key to smtp.dkim in the configuration.",
	}
}

// dkimRecord returns the record of a key (RFC 6376, section 3.6.1; RFC 8463, section 4.2).
func dkimRecord(key crypto.PublicKey) (string, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(k), nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < keyring.MinRSABits {
			return "", fmt.Errorf("it is an RSA key of %d bits, and should have at least %d (RFC 8301)", bits,
				keyring.MinRSABits)
		}
		der, err := x509.MarshalPKIXPublicKey(k)
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), err
	}
	return "", errors.New("it is neither an RSA nor an Ed25519 key")
}

// checkDKIMRecord says how receivers treat a record, if emails are signed with the private half of key. The text
// continues a sentence that begins with the record's name.
func checkDKIMRecord(txt string, key crypto.PublicKey) (Level, string) {
	t, err := splitTags(txt)
	if err != nil {
		return Wrong, fmt.Sprintf("cannot be parsed: %v. Receivers ignore it.", err)
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
		return Wrong, "does not begin with v=DKIM1. Receivers ignore it."
	case !given:
		return Wrong, "has no p=, so it holds no key."
	case p == "":
		return Wrong, "has an empty p=, which revokes the key."
	case k != kind:
		return Wrong, fmt.Sprintf("is for a key of type k=%s, and ours is k=%s.", k, kind)
	case !lists(t.get("h", "sha256"), "sha256"):
		return Wrong, fmt.Sprintf("allows only h=%s, and we sign with sha256, as RFC 8301 requires.", t.get("h", ""))
	case !lists(t.get("s", "*"), "*") && !lists(t.get("s", "*"), "email"):
		return Wrong, fmt.Sprintf("is for s=%s, not for email.", t.get("s", ""))
	}
	if err := sameKey(p, key); err != nil {
		return Wrong, fmt.Sprintf("does not match the configured key: %v. Receivers treat our signature as forged.",
			err)
	}
	return dkimWarnings(t, versioned)
}

// dkimWarnings says what is wrong with a record that matches the key.
func dkimWarnings(t tags, versioned bool) (Level, string) {
	var said []string
	if lists(t.get("t", ""), "y") {
		said = append(said, "says t=y, that signing is being tested, so receivers may treat emails as unsigned. "+
			"Remove t=y.")
	}
	if !versioned {
		said = append(said, "does not say v=DKIM1, and some receivers do not find it without that.")
	}
	if len(said) > 0 {
		return Warn, strings.Join(said, " It ")
	}
	return OK, "has the public half of the configured key."
}

// sameKey compares p= of a record with a key. The error says how they differ.
func sameKey(p string, key crypto.PublicKey) error {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return errors.New("its p= is damaged, perhaps truncated when it was pasted")
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		switch {
		case bytes.Equal(der, k):
			return nil
		case len(der) != ed25519.PublicKeySize:
			return fmt.Errorf("its p= holds %d bytes, and an Ed25519 key has just %d (RFC 8463, section 4.2)", len(der),
				ed25519.PublicKeySize)
		}
	case *rsa.PublicKey:
		got, err := parseRSA(der)
		switch {
		case err != nil:
			return errors.New("its p= is damaged, perhaps truncated when it was pasted")
		case k.Equal(got):
			return nil
		case got.N.BitLen() != k.N.BitLen():
			return fmt.Errorf("its p= is another key, of %d bits instead of %d", got.N.BitLen(), k.N.BitLen())
		}
	}
	return errors.New("its p= is another key")
}

// parseRSA parses the key of a record: an RSAPublicKey, as in RFC 6376, section 3.6.1, or a SubjectPublicKeyInfo, as in
// its appendix C and in practice.
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
