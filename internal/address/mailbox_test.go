package address_test

import (
	"strings"
	"testing"
)

func TestTheSpellingsOfOneMailboxShareIt(t *testing.T) {
	for provider, same := range map[string][]string{
		"of one's own": {
			"ken@example.org", "KEN@example.org", "Ken@EXAMPLE.org", "ken+a@example.org", "ken+a+b@example.org",
			"Ken+A@example.org", "ken+@example.org", "ｋｅｎ@example.org", "ＫＥＮ@example.org", "\u212aen@example.org",
			"ken@ｅｘａｍｐｌｅ.org", "ken@example。org", "ｋｅｎ+x@example.org", "𝐤𝐞𝐧@example.org",
			"ken\ufe0f@example.org", // a variation selector shows nothing
		},
		"Google": {
			"kendra.lr@gmail.com", "k.en.d.ra.lr@gmail.com", "kendralr@gmail.com", "kendralr@googlemail.com",
			"Kendra.LR+1@googlemail.com", "k.e.n.d.r.a.l.r.+x@gmail.com", "ｋendralr@ＧＭＡＩＬ.com",
		},
		"Yahoo": {
			"ken@yahoo.com", "ken-shop@yahoo.com", "ken-a-b@yahoo.com", "Ken+x@yahoo.com", "KEN-@yahoo.com",
		},
		"Yahoo abroad": {"ken@yahoo.co.uk", "ken-shop@yahoo.co.uk"},
		"Yahoo Japan":  {"ken@yahoo.co.jp", "ken-shop@yahoo.co.jp"},
		"ymail":        {"ken@ymail.com", "ken-shop@ymail.com"},
		"Rocketmail":   {"ken@rocketmail.com", "ken-shop@rocketmail.com"},
		"Apple": {
			"ken.lee@icloud.com", "kenlee@icloud.com", "k.e.n.l.e.e@me.com", "kenlee+a@mac.com", "KenLee@mac.com",
		},
		"Proton": {
			"ken_lee@proton.me", "kenlee@protonmail.com", "ken-lee@pm.me", "k.e.n.l_e-e@protonmail.ch",
			"Ken.Lee+x@proton.me",
		},
		"Yandex": {
			"ken.lee@yandex.ru", "ken-lee@yandex.ru", "ken-lee@ya.ru", "ken.lee@yandex.com", "Ken-Lee+x@yandex.kz",
			"ken.lee@yandex.com.tr", "ken-lee@narod.ru",
		},
		"Fastmail": {
			"ken@fastmail.com", "ken+x@fastmail.com", "x@ken.fastmail.com", "y+z@Ken.fastmail.com",
			"k.e.n@ken.fastmail.com",
		},
		"sent.com":      {"ken@sent.com", "shop@ken.sent.com"},
		"addy":          {"a@ken.anonaddy.com", "b@ken.anonaddy.com", "c+d@ken.anonaddy.com"},
		"Firefox Relay": {"a@ken.mozmail.com", "b@ken.mozmail.com"},
		"Microsoft":     {"ken.lee@outlook.com", "ken.lee+a@outlook.com", "KEN.LEE@outlook.com"},
		"é":             {"jos\u00e9@example.org", "jose\u0301@example.org", "JOS\u00c9@example.org"},
		"hyphens":       {"ab--cd@example.org", "ab--ＣＤ@example.org"},
		"a ligature":    {"ﬁona@example.org", "fiona@example.org"},
		"an IDN":        {"ken@bücher.example", "ken@xn--bcher-kva.example", "ken@BÜCHER.example"},
		"Greek":         {"σοφός@example.org", "ΣΟΦΌς@example.org"},
	} {
		for _, other := range same[1:] {
			if a, b := parse(t, same[0]).Mailbox(), parse(t, other).Mailbox(); a != b {
				t.Errorf("%s: %s counts as %q, %s as %q", provider, same[0], a, other, b)
			}
			typed, _, _ := strings.Cut(other, "@")
			if kept, _, _ := strings.Cut(parse(t, other).String(), "@"); kept != typed {
				t.Errorf("%s: %s would be written to as %s", provider, other, parse(t, other))
			}
		}
		plain := parse(t, same[0]).Plain()
		mailbox := plain.Mailbox()
		if plain.IsZero() || mailbox != plain.String() || mailbox != parse(t, same[0]).Mailbox() {
			t.Errorf("%s: the plainest spelling of %s is %q of the mailbox %q", provider, same[0], plain, mailbox)
		}
	}
}

func TestDifferentPeopleHaveDifferentMailboxes(t *testing.T) {
	all := []string{
		"mike@example.org", "m\u0131ke@example.org", "strasse@example.org", "stra\u00dfe@example.org",
		"mike@example.com",
		"m.ike@example.org", "mike-shop@example.org", "m-ike@gmail.com", "mike@gmail.com", "mike@mail.gmail.com",
		"mike@yahoo-fan.example", "mike-a@yahoo-fan.example",
		"mike@yahoo.com", "mi.ke@yahoo.com", "+mike@example.org", "+ken@example.org",
		"mike_a@yahoo.com", "m\u00edke@example.org", "мike@example.org", "mike@ymail.example",
		"ab--cd@example.org", "ab--ce@example.org", "mike-@example.org", "!#$%&'*/=?^_`{|}~@example.org",
		"xn--zzzzz99999@example.org",
		"mike@outlook.com", "mi.ke@outlook.com", "mike-a@outlook.com", "mike@hotmail.com", // names of their own
		"mike@icloud.com", "mi-ke@icloud.com", "mike@proton.me", "mike@yandex.ru", "mi.ke@yandex.ru", "mi_ke@yandex.ru",
		"mike@fastmail.com", "mike@fastmail.fm", "mi.ke@fastmail.com", "mike@a.mike.fastmail.com",
		"mike@ken.example.org", "ken@mike.example.org", "mike@mozmail.com", "a@mikey.mozmail.com",
		"mike@mail.ru", "mike@bk.ru", "mi.ke@mail.ru", "mi-ke@mail.ru",
		"___@proton.me", "__@proton.me",
	}
	seen := map[string]string{}
	for _, a := range all {
		key := parse(t, a).Mailbox()
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are both %q", a, other, key)
		}
		seen[key] = a
	}
}

func TestTheCaseOfASCIIMakesNobodyElse(t *testing.T) {
	for _, same := range [][2]string{
		{"Ada@example.org", "ada@example.org"}, {"ADA.Lovelace@Example.org", "ada.lovelace@example.org"},
		{"JosÉ@example.org", "josÉ@example.org"},
	} {
		if a, b := parse(t, same[0]), parse(t, same[1]); a.Identity() != b.Identity() || a == b {
			t.Errorf("%s is %s, %s is %s", a, a.Identity(), b, b.Identity())
		}
	}
	for _, apart := range [][2]string{
		{"jos\u00c9@example.org", "jos\u00e9@example.org"}, {"m\u0131ke@example.org", "mike@example.org"},
		{"wei\u00df@example.org", "weiss@example.org"}, {"\u212aim@example.org", "kim@example.org"},
		{"\u0130da@example.org", "ida@example.org"}, {"ſam@example.org", "sam@example.org"},
		{"ada+x@example.org", "ada@example.org"}, {"a.da@gmail.com", "ada@gmail.com"},
		{"ada@gmail.com", "ada@googlemail.com"}, {"ａda@example.org", "ada@example.org"},
	} {
		if a, b := parse(t, apart[0]), parse(t, apart[1]); a.Identity() == b.Identity() {
			t.Errorf("%s and %s are one person", a, b)
		}
	}
}

func TestRoleAddressesAreExactlySix(t *testing.T) {
	for _, a := range []string{
		"postmaster@example.org", "Postmaster@example.org", "abuse@gmail.com", "hostmaster@example.org",
		"MAILER-DAEMON@example.org", "noreply@example.org", "No-Reply@example.org",
	} {
		if !parse(t, a).IsRole() {
			t.Errorf("%s is one", a)
		}
	}
	for _, a := range []string{
		"info@example.org", "admin@example.org", "webmaster@example.org", "root@example.org", "security@example.org",
		"abuse+x@example.org", "postmaster.x@example.org", "abuser@example.org", "no.reply@example.org",
		"donotreply@example.org", "noreply-x@example.org", "support@example.org", "ſecurity@example.org",
		"ada@postmaster.example",
	} {
		if parse(t, a).IsRole() {
			t.Errorf("%s is none", a)
		}
	}
}

func TestADomainIsLargeOrSomebodysOwn(t *testing.T) {
	for _, a := range []string{
		"a@gmail.com", "a@hotmail.es", "a@yahoo.com.br", "a@outlook.de", "a@live.nl", "a@gmx.at", "a@yandex.by",
		"a@laposte.net", "a@proton.me", "a@privaterelay.appleid.com", "a@x.mozmail.com", "a@ken.fastmail.com",
	} {
		if !parse(t, a).IsLarge() {
			t.Errorf("%s is at a large provider", a)
		}
	}
	for _, a := range []string{
		"a@example.org", "a@gmail.example.org", "a@gmail.com.example", "a@hotmail.example.co.uk", "a@notgmail.com",
		"a@yahoo-fan.example", "a@bücher.example",
	} {
		if parse(t, a).IsLarge() {
			t.Errorf("%s is somebody's own", a)
		}
	}
	for a, want := range map[string]string{
		"a@example.org": "example.org", "a@mail.example.org": "example.org", "a@x.y.example.co.uk": "example.co.uk",
		"a@example.github.io": "example.github.io", "a@bücher.example": "xn--bcher-kva.example", "a@co.uk": "co.uk",
		"a@one.two.test": "two.test",
	} {
		if got := parse(t, a).Organization(); got != want {
			t.Errorf("%s is under %s, want %s", a, got, want)
		}
	}
}

func TestAProviderIsNamedOnlyIfItIsLarge(t *testing.T) {
	for email, want := range map[string]string{
		"ada@gmail.com": "gmail.com", "ada@googlemail.com": "gmail.com", "ada@me.com": "icloud.com",
		"ada@mail.orange.fr": "orange.fr", "ada@yahoo.fr": "yahoo", "ada@hotmail.co.uk": "hotmail",
		"ada@lovelace.example": "", "ada@gmail.example": "",
	} {
		a := parse(t, email)
		if got := a.Provider(); got != want || a.IsLarge() != (want != "") {
			t.Errorf("%s is at %q, large: %t; want %q", email, got, a.IsLarge(), want)
		}
	}
}
