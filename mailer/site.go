package mailer

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/templates"
)

// maxName is the longest display name of a sender, in characters.
const maxName = 100

// Site is what the mailer knows of a website.
type Site struct {
	From    mail.Address  // in the header; its address also on the envelope if there is no BounceDomain
	ReplyTo *mail.Address // where answers go; From if nil
	// BounceDomain is where bounces are read (RFC 5321 section 4.4): the return path of an email is its
	// Message.ReturnPath at this domain. If it is empty, bounces go to From.
	BounceDomain string
	Show         templates.Site
	FromNames    map[string]string // of From, by locale; in others it is From's own
}

// parse returns the site with its addresses and domain parsed.
func (s Site) parse() (Site, error) {
	var err error
	if s.From, err = parseSender("the sender", s.From); err != nil {
		return Site{}, err
	}
	names := map[string]string{}
	for locale, name := range s.FromNames {
		named, err := parseSender("the sender in "+locale, mail.Address{Name: name, Address: s.From.Address})
		if err != nil {
			return Site{}, err
		}
		names[locale] = named.Name
	}
	s.FromNames = names
	if s.ReplyTo != nil {
		to, err := parseSender("the address for answers", *s.ReplyTo)
		if err != nil {
			return Site{}, err
		}
		s.ReplyTo = &to
	}
	if s.BounceDomain != "" {
		a, err := address.Parse("x@" + s.BounceDomain)
		if err != nil {
			return Site{}, fmt.Errorf("the domain for bounces, %q, must be a domain such as bounces.example.org",
				s.BounceDomain)
		}
		s.BounceDomain = a.Domain()
	}
	return s, nil
}

// parseSender parses an address of a site as strictly as those of recipients.
func parseSender(what string, from mail.Address) (mail.Address, error) {
	a, err := address.Parse(from.Address)
	if err != nil || !isASCII(a.String()) {
		return mail.Address{}, fmt.Errorf("%s %q must be a plain ASCII address such as hello@example.org", what,
			from.Address)
	}
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }
	if strings.ContainsFunc(from.Name, odd) || utf8.RuneCountInString(from.Name) > maxName {
		return mail.Address{}, fmt.Errorf("the name of %s must be one line of at most %d printable characters", what,
			maxName)
	}
	// In an encoded word of a name it would begin a quotation (RFC 2047, section 5), and net/mail writes it as it is.
	if strings.Contains(from.Name, `\`) {
		return mail.Address{}, fmt.Errorf("the name of %s must not have a backslash", what)
	}
	return mail.Address{Name: strings.Join(strings.Fields(from.Name), " "), Address: a.String()}, nil
}

// fromDomain returns the domain of the sender in the header.
func (s Site) fromDomain() string { return domainOf(s.From.Address) }

// returnPath returns the sender on the envelope of an email, for the local part that the service made for it.
func (s Site) returnPath(local string) (string, error) {
	if s.BounceDomain == "" || local == "" {
		return s.From.Address, nil
	}
	a, err := address.Parse(local + "@" + s.BounceDomain)
	if err != nil || !isASCII(a.String()) {
		return "", fmt.Errorf("no return path can be made at %s", s.BounceDomain)
	}
	return a.String(), nil
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func isASCII[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
