package preflight

import (
	"context"
	"crypto/ed25519"
	"fmt"
)

// dkim looks at the record of a key.
func (c *checker) dkim(ctx context.Context, k DKIMKey) []Finding {
	name := k.Selector + "._domainkey." + k.Domain
	f := Finding{Level: Wrong, Check: "DKIM", About: k.Domain, Sites: c.signedBy(k)}
	record, err := dkimRecord(k.Public)
	if err != nil {
		f.What = fmt.Sprintf("The key %s of %s signs nothing that receivers can check: %v.", k.Selector, k.Domain, err)
		f.Fix = newKey(k.Domain, k.Selector+"2")
		return []Finding{f}
	}
	f.Fix = []string{txtLine(name, record)}
	txts, err := c.dns.LookupTXT(ctx, name)
	switch {
	case err != nil && !absent(err):
		return []Finding{silent("DKIM", k.Domain, f.Sites, "the DKIM record "+name, err)}
	case len(txts) == 0:
		f.What = fmt.Sprintf("DNS has no record %s, so receivers cannot check our signature and count letters of %s as not signed.", name, k.Domain)
		return []Finding{f}
	case len(txts) > 1:
		f.What = fmt.Sprintf("DNS has %d TXT records at %s, and which of them receivers look at is chance.", len(txts), name)
		f.Fix = []string{"Delete them all, and put this one in their place:", f.Fix[0]}
		return []Finding{f}
	}
	f.Level, f.What = weighDKIM(txts[0], k.Public)
	f.What = fmt.Sprintf("The DKIM record %s %s", name, f.What)
	switch {
	case f.Level == OK:
		f.Fix = nil
	case f.Level == Warning && keySize(k.Public) < goodRSA:
		f.Fix = newKey(k.Domain, k.Selector+"2")
	default:
		f.Fix = append([]string{"Put this record in its place:"}, f.Fix...)
	}
	return []Finding{f}
}

// signedBy returns the sites whose letters a key signs.
func (c *checker) signedBy(k DKIMKey) (sites []string) {
	for _, s := range c.Senders {
		if within(s.Domain, k.Domain) {
			sites = append(sites, s.Sites...)
		}
	}
	return sites
}

// keysOf returns the keys that sign letters of a domain: its own and its parents'.
func (c *checker) keysOf(domain string) (keys []DKIMKey) {
	for _, k := range c.Keys {
		if within(domain, k.Domain) {
			keys = append(keys, k)
		}
	}
	return keys
}

// signed looks whether letters of a domain are signed at all, and by a key that all receivers know how to check.
func (c *checker) signed(d domain) []Finding {
	f := Finding{Level: Wrong, Check: "DKIM", About: d.name, Sites: d.sites}
	keys := c.keysOf(d.name)
	for _, k := range keys {
		if _, ed := k.Public.(ed25519.PublicKey); !ed {
			return nil
		}
	}
	if len(keys) > 0 {
		f.Level, f.Fix = Warning, newKey(d.name, keys[0].Selector+"-rsa")
		f.What = fmt.Sprintf("Letters from %s are signed with Ed25519 only, which many receivers do not check yet (RFC 8463). "+
			"To those they are not signed.", d.name)
		return []Finding{f}
	}
	f.Fix = newKey(d.name, "optin")
	f.What = fmt.Sprintf("No DKIM key is configured for %s or a domain above it, so its letters leave here without a signature. Gmail, Outlook "+
		"and Yahoo put such letters among spam or refuse them, unless the relay signs them in the name of %[1]s.", d.name)
	return []Finding{f}
}

// newKey is how to get a key that signs for a domain.
func newKey(domain, selector string) []string {
	return []string{
		fmt.Sprintf("optin keys -dkim -domain %s -selector %s -out dkim-%[2]s.pem", domain, selector),
		"Paste the DNS record that it prints, and add the key to smtp.dkim in the configuration.",
	}
}
