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

// Site is the face of one website in the mail.
type Site struct {
	From    mail.Address  // in the header and, without its name and where there is no BounceDomain, on the envelope
	ReplyTo *mail.Address // who hears of it when somebody answers; From if nil
	// BounceDomain is where letters that come back are read (RFC 5321 section 4.4): a letter's return path is Draft.Return there. Empty: they
	// come back to From.
	BounceDomain string
	Show         templates.Site
}

// parse reads a site as it was configured.
func (s Site) parse() (Site, error) {
	var err error
	if s.From, err = sender("the sender", s.From); err != nil {
		return Site{}, err
	}
	if s.ReplyTo != nil {
		to, err := sender("the address for answers", *s.ReplyTo)
		if err != nil {
			return Site{}, err
		}
		s.ReplyTo = &to
	}
	if s.BounceDomain != "" {
		a, err := address.Parse("x@" + s.BounceDomain)
		if err != nil {
			return Site{}, fmt.Errorf("the domain for what bounces, %q, must be a domain such as bounces.example.org", s.BounceDomain)
		}
		s.BounceDomain = a.Domain()
	}
	return s, nil
}

// sender reads an address of a site as strictly as the addresses that letters go to.
func sender(what string, from mail.Address) (mail.Address, error) {
	a, err := address.Parse(from.Address)
	if err != nil || !ascii(a.String()) {
		return mail.Address{}, fmt.Errorf("%s %q must be a plain ASCII address such as hello@example.org", what, from.Address)
	}
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }
	if strings.ContainsFunc(from.Name, odd) || utf8.RuneCountInString(from.Name) > maxName {
		return mail.Address{}, fmt.Errorf("the name of %s must be one line of at most %d printable characters", what, maxName)
	}
	return mail.Address{Name: strings.Join(strings.Fields(from.Name), " "), Address: a.String()}, nil
}

// domain is that of the sender in the header.
func (s Site) domain() string { return domainOf(s.From.Address) }

// returnTo is the sender on the envelope of a letter.
func (s Site) returnTo(local string) (string, error) {
	if s.BounceDomain == "" || local == "" {
		return s.From.Address, nil
	}
	a, err := address.Parse(local + "@" + s.BounceDomain)
	if err != nil || !ascii(a.String()) {
		return "", fmt.Errorf("no return path can be made at %s", s.BounceDomain)
	}
	return a.String(), nil
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func ascii[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
