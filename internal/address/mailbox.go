package address

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Identity returns the address without the case of ASCII letters in its local part: two spellings that differ in
// nothing else are one person. No provider of today tells them apart (RFC 5321, section 2.4, allows it and advises
// against it). Letters beyond ASCII keep their case, since what is one letter there depends on the language.
func (a Address) Identity() string { return lowerASCII(a.local) + "@" + a.domain }

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// IsRole reports whether the address is one of those that belong to the running of a domain (RFC 2142) or that nobody
// reads. Nobody signs up with them but to harm: their owners act on unwanted mail.
func (a Address) IsRole() bool {
	return slices.Contains(
		[]string{"postmaster", "abuse", "hostmaster", "mailer-daemon", "noreply", "no-reply"}, lowerASCII(a.local))
}

// Organization returns the domain under which the domain of the address was registered, as A-labels: that of
// mail.example.co.uk is example.co.uk.
func (a Address) Organization() string { return organization(a.domain) }

func organization(domain string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return d
	}
	return domain
}

// folding maps text by UTS 46, not transitionally: case, width and compatibility forms go, as by NFKC, and characters
// that differ (ı and i, ß and ss) stay apart. Whether the text may stand in the DNS is not checked.
var folding = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.ValidateLabels(false))

// fold returns a local part as folding maps it, or in lower case where that cannot. Of ASCII it maps nothing but case,
// and what Punycode stands for: most are done without it.
func fold(local string) string {
	low := lowerASCII(local)
	isASCII := strings.IndexFunc(low, func(r rune) bool { return r > unicode.MaxASCII }) < 0
	if isASCII && !strings.Contains(low, "xn--") {
		return low
	}
	folded, err := folding.ToUnicode(local)
	if err != nil {
		return strings.ToLower(local)
	}
	return folded
}

// Mailbox returns the mailbox as far as is known of its provider: without case and compatibility forms of characters,
// without a tag, and without what its provider does not look at (see providers). Two people may share one, at a
// provider that tells them apart; so no record is found by it. It counts emails, and a refusal holds for all of it.
func (a Address) Mailbox() string {
	local := fold(a.local)
	p, domain, user := providerOf(a.domain)
	if user != "" {
		local = user
	}
	if i := strings.IndexAny(local, p.tags); i > 0 {
		local = local[:i]
	}
	seen := local
	if p.ignored != "" || p.dots != "" {
		seen = strings.Map(func(r rune) rune {
			switch {
			case strings.ContainsRune(p.ignored, r):
				return -1
			case strings.ContainsRune(p.dots, r):
				return '.'
			}
			return r
		}, local)
	}
	if seen == "" {
		seen = local
	}
	return seen + "@" + domain
}

// IsPlain reports whether the address is the plainest spelling of its mailbox, except for the case of ASCII letters.
func (a Address) IsPlain() bool {
	local, domain, _ := strings.Cut(a.Mailbox(), "@")
	return domain == a.domain && local == lowerASCII(a.local)
}

// Plain returns the plainest spelling of the mailbox, as an address of its own; the zero Address if it has none.
func (a Address) Plain() Address {
	plain, err := Parse(a.Mailbox())
	if err != nil {
		return Address{}
	}
	return plain
}

// providerOf returns how a domain reads local parts, the domain that stands for it, and the user that a subdomain
// names.
func providerOf(domain string) (p *provider, main, user string) {
	if strings.HasPrefix(domain, "yahoo.") {
		return &yahoo, domain, ""
	}
	sub, parent, _ := strings.Cut(domain, ".")
	if p := byDomain()[parent]; p != nil && p.subdomains {
		return p, parent, sub
	}
	switch p := byDomain()[domain]; {
	case p == nil:
		return &usual, domain, ""
	case p.oneName:
		return p, p.domains[0], ""
	default:
		return p, domain, ""
	}
}
