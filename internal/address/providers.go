package address

import (
	"slices"
	"strings"
	"sync"
)

// provider is how a provider of mailboxes reads addresses.
type provider struct {
	domains    []string
	oneName    bool   // a local part is the same mailbox at all of the domains; the first one stands for it
	tags       string // the characters of which the first one ends the name: what follows is the user's own
	ignored    string // characters that do not count
	dots       string // characters that are the same as a dot
	subdomains bool   // everything at name.domain arrives at name@domain
}

// usual is how every other provider is read. Plus tags are what RFC 5233 gives as its example; Microsoft, Zoho, mail.ru
// and most servers of one's own have them:
// https://learn.microsoft.com/exchange/recipients-in-exchange-online/plus-addressing-in-exchange-online
var usual = provider{tags: "+"}

// yahoo has names without '-', so what comes after one is the keyword of a disposable address. Its domains are
// yahoo.com and those of its countries. https://help.yahoo.com/kb/SLN28815.html (Japan: "safety address")
var yahoo = provider{tags: "+-"}

// providers are those that are read otherwise than usual, each with where that is documented.
var providers = []provider{
	{domains: []string{"ymail.com", "rocketmail.com", "myyahoo.com"}, tags: yahoo.tags},

	// https://support.google.com/mail/answer/7436150 (dots), https://support.google.com/mail/answer/10313 (googlemail)
	{domains: []string{"gmail.com", "googlemail.com"}, oneName: true, tags: "+", ignored: "."},

	// https://support.apple.com/118230 (three domains, one mailbox). That dots do not count is what its users report.
	{domains: []string{"icloud.com", "me.com", "mac.com"}, oneName: true, tags: "+", ignored: "."},

	// https://proton.me/support/addresses-and-aliases (domains, tags), and its clients, which compare names without
	// these: removeEmailAlias in https://github.com/ProtonMail/WebClients
	{
		domains: []string{"proton.me", "protonmail.com", "protonmail.ch", "pm.me"}, oneName: true, tags: "+",
		ignored: "._-",
	},

	// https://yandex.com/support/id/authorization/registration.html (a dot and a hyphen in a login are the same) and
	// https://yandex.com/support/mail/web/preferences/sender.html (the domains of one mailbox)
	{
		domains: []string{
			"yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.uz", "yandex.com.tr",
			"yandex.fr", "narod.ru",
		},
		oneName: true, tags: "+", dots: "-",
	},

	// https://www.fastmail.help/hc/articles/360060591053 (plus and subdomain addressing), and its list of domains
	{
		domains: []string{
			"fastmail.com", "fastmail.fm", "fastmail.net", "fastmail.org", "fastmail.cn", "fastmail.co.uk",
			"fastmail.com.au", "fastmail.de", "fastmail.es", "fastmail.fr", "fastmail.im", "fastmail.in", "fastmail.jp",
			"fastmail.mx", "fastmail.nl", "fastmail.se", "fastmail.to", "fastmail.tw", "fastmail.uk", "fastmail.us",
			"123mail.org", "airpost.net", "eml.cc", "fmail.co.uk", "fmgirl.com", "fmguy.com", "imap.cc", "mailbolt.com",
			"mailcan.com", "mailhaven.com", "mailmight.com", "ml1.net", "mm.st", "myfastmail.com", "proinbox.com",
			"promessage.com", "sent.as", "sent.at", "sent.com", "speedymail.org", "warpmail.net", "xsmail.com",
		},
		tags: "+", subdomains: true,
	},

	// Names of subdomains for addresses made up on the spot: https://addy.io/faq, https://relay.firefox.com/faq and
	// https://simplelogin.io/docs/subdomains
	{
		domains: []string{
			"anonaddy.com", "anonaddy.me", "addy.io", "mozmail.com", "simplelogin.co", "simplelogin.com", "aleeas.com",
			"slmails.com", "silomails.com", "slmail.me",
		},
		tags: "+", subdomains: true,
	},
}

// large are the domains at which so many people have a mailbox that no number of signups says anything about one of
// them, the best known first. Domains of the same name in other countries (see largeNames) are large as well.
var large = []string{
	"gmail.com", "hotmail.com", "outlook.com", "yahoo.com", "icloud.com", "live.com", "aol.com", "msn.com",
	"hotmail.fr", "hotmail.co.uk", "outlook.fr", "yahoo.fr", "yahoo.co.uk", "live.fr", "gmx.de", "gmx.net", "web.de",
	"googlemail.com", "ymail.com", "rocketmail.com", "me.com", "mac.com", "proton.me", "protonmail.com", "pm.me",
	"gmx.at", "gmx.ch", "gmx.com", "t-online.de", "freenet.de", "arcor.de", "online.de", "mail.de", "posteo.de",
	"mailbox.org", "mail.com", "email.com", "orange.fr", "wanadoo.fr", "free.fr", "sfr.fr", "laposte.net", "bbox.fr",
	"neuf.fr", "numericable.fr", "club-internet.fr", "libero.it", "virgilio.it", "tiscali.it", "alice.it", "tim.it",
	"tin.it", "telefonica.net", "sapo.pt", "telenet.be", "skynet.be", "proximus.be", "ziggo.nl", "kpnmail.nl",
	"planet.nl", "xs4all.nl", "home.nl", "hetnet.nl", "casema.nl", "bluewin.ch", "hispeed.ch", "sunrise.ch",
	"btinternet.com", "sky.com", "virginmedia.com", "ntlworld.com", "talktalk.net", "blueyonder.co.uk",
	"comcast.net", "verizon.net", "att.net", "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net",
	"earthlink.net", "optonline.net", "juno.com", "rogers.com", "shaw.ca", "sympatico.ca", "telus.net", "videotron.ca",
	"bigpond.com", "optusnet.com.au", "xtra.co.nz", "telia.com", "telenor.no", "online.no", "wp.pl", "o2.pl", "onet.pl",
	"op.pl", "interia.pl", "seznam.cz", "email.cz", "centrum.cz", "azet.sk", "freemail.hu", "citromail.hu", "abv.bg",
	"ukr.net", "i.ua", "mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru", "rambler.ru", "yandex.ru", "ya.ru",
	"yandex.com", "qq.com", "163.com", "126.com", "sina.com", "foxmail.com", "naver.com", "daum.net", "hanmail.net",
	"nate.com", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "au.com", "rediffmail.com", "uol.com.br",
	"bol.com.br", "terra.com.br", "ig.com.br", "fastmail.com", "zoho.com", "tutanota.com", "tuta.com", "hey.com",
	"duck.com", "mozmail.com", "appleid.com",
}

// largeNames are the names that large providers have under the suffixes of many countries.
var largeNames = []string{"hotmail", "outlook", "live", "yahoo", "gmx", "yandex"}

// IsLarge reports whether the address is at a large provider of mailboxes.
func (a Address) IsLarge() bool { return a.Provider() != "" }

// Provider returns the large provider of mailboxes that the address is at: its domain, the first one if a mailbox has
// several, or its name alone where it has domains in many countries. Empty: it is no large one. There are few of them,
// and none names anybody.
func (a Address) Provider() string {
	org := a.Organization()
	if name, _, _ := strings.Cut(org, "."); slices.Contains(largeNames, name) {
		return name
	}
	if !slices.Contains(large, org) {
		return ""
	}
	if p := byDomain()[org]; p != nil && p.oneName {
		return p.domains[0]
	}
	return org
}

// byDomain returns the providers by their domains, of which each has one.
var byDomain = sync.OnceValue(func() map[string]*provider {
	all := map[string]*provider{}
	for i := range providers {
		for _, domain := range providers[i].domains {
			all[domain] = &providers[i]
		}
	}
	return all
})
