package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/optin/optin/internal/redirect"
)

// readSites reads the list of sites. Ids and API keys must differ between them.
func readSites(v value, languages []string, keys apiKeys) []Site {
	var sites []Site
	ids := map[string]int{}
	for _, item := range v.nonEmptyList() {
		g := item.group("id", "name", "url", "from", "controller", "locales", "origins", "redirects", "api_keys",
			"api_keys_file",
			"webhooks", "link_ttl", "purposes", "limits", "theme", "frame_ancestors", "after", "reply_to",
			"bounce_domain", "reminder", "challenge", "forms", "timezone", "locales_dir", "from_names", "wording",
			"validity", "renew_before")
		s := readSite(g, languages)
		s.ID = unique(g.get("id"), ids)
		s.APIKeys = keys.read(g, (value).apiKey)
		sites = append(sites, s)
	}
	return sites
}

// readSite reads one site, except for what must differ from other sites.
func readSite(g group, languages []string) Site {
	s := Site{
		Name:         required(g.get("name"), parseLine(maxName)),
		URL:          required(g.get("url"), parseWeb),
		From:         required(g.get("from"), parseFrom),
		Controller:   readController(g.get("controller")),
		TimeZone:     optional(g.get("timezone"), "", parseTimeZone),
		Origins:      each(g.get("origins").list(), parseOrigin),
		Redirects:    each(g.get("redirects").list(), parseRedirect),
		LinkTTL:      optional(g.get("link_ttl"), DefaultLinkTTL, parseLinkTTL),
		Limits:       readLimits(g.get("limits")),
		BounceDomain: optional(g.get("bounce_domain"), "", parseDomain),
		Challenge:    readChallenge(g.get("challenge")),

		Theme:          readTheme(g.get("theme")),
		FrameAncestors: each(g.get("frame_ancestors").list(), parseOrigin),
	}
	s.OwnLocales = readOwnLocales(g.get("locales_dir"), g.get("locales"))
	if len(languages) > 0 {
		languages = append(slices.Clone(languages), slices.Sorted(maps.Keys(s.OwnLocales))...)
	}
	s.Locales = readLocales(g.get("locales"), languages)
	s.FromNames = readSome(g.get("from_names"), s.Locales, parseLine(maxName))
	s.Wording = readWording(g.get("wording"), s.Locales)
	if a := g.get("reply_to"); a.given() {
		reply := optional(a, "", parseFrom)
		s.ReplyTo = &reply
	}
	s.Reminder = readReminder(g.get("reminder"), s)
	s.Validity = readValidity(g.get("validity"), g.get("renew_before"))
	s.After = readAfter(g.get("after"), s.Redirects)
	for _, item := range g.get("webhooks").list() {
		s.Webhooks = append(s.Webhooks, readWebhook(item))
	}
	s.Purposes = readPurposes(g.get("purposes"), s)
	s.Forms = readForms(g.get("forms"))
	return s
}

// unique reads an id that is not yet in lines, which maps each id to its line.
func unique(v value, lines map[string]int) string {
	id := required(v, parseID)
	if first, again := lines[id]; again {
		v.onNode().fail("is the same as on line %d; each must be unique", first)
	} else if id != "" {
		lines[id] = v.line
	}
	return id
}

// readController reads who is responsible for the site's data.
func readController(v value) Controller {
	g := v.group("name", "address", "contact", "privacy_url", "privacy_file", "country", "dpo")
	return Controller{
		Name:          required(g.get("name"), parseLine(maxName)),
		Address:       required(g.get("address"), parseLine(maxLine)),
		Contact:       required(g.get("contact"), parseAddress),
		PrivacyURL:    required(g.get("privacy_url"), parseWeb),
		PrivacySHA256: readNotice(g.get("privacy_file")),
		Country:       required(g.get("country"), parseCountry),
		DPO:           optional(g.get("dpo"), "", parseLine(maxLine)),
	}
}

// readNotice returns the SHA-256 of a privacy notice's file; empty if none is named.
func readNotice(v value) string {
	if !v.given() {
		return ""
	}
	name, ok := v.text()
	if !ok {
		return ""
	}
	if strings.Contains(name, "://") {
		v.fail("must be the name of a file, not a URL: optin fetches nothing; privacy_url says where people read it")
		return ""
	}
	content, ok := v.onNode().fileAt(name, maxNotice, "must be the privacy notice")
	if !ok {
		return ""
	}
	if content == "" {
		v.fail("names an empty file; it must be the privacy notice")
		return ""
	}
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// readLocales reads the languages of a site. If languages is not empty, each must be one of them. If one of them is not
// a language tag it returns nil, so that no correct text of a purpose is reported as belonging to an unknown locale.
func readLocales(v value, languages []string) []string {
	var locales []string
	broken := false
	for _, item := range v.nonEmptyList() {
		l := required(item, parseLocale)
		switch {
		case l == "":
			broken = true
			continue
		case slices.Contains(locales, l):
			item.fail("is listed twice; keep one")
			continue
		case len(languages) > 0 && !slices.Contains(languages, l):
			item.fail("has no built-in translation, and no file in locales_dir; available are %s",
				strings.Join(languages, ", "))
		}
		locales = append(locales, l)
	}
	if broken {
		return nil
	}
	return locales
}

// readOwnLocales reads the files of a folder that are named after the site's locales. A locale without a file there is
// one that is built in.
func readOwnLocales(dir, locales value) map[string]OwnLocale {
	if !dir.given() {
		return nil
	}
	folder, ok := dir.text()
	if !ok {
		return nil
	}
	all := map[string]OwnLocale{}
	for _, item := range locales.list() {
		name, ok := item.text()
		locale, err := parseLocale(name)
		if !ok || err != nil {
			continue // which is noted where the locales are read
		}
		file := filepath.Join(folder, locale+".json")
		if !dir.exists(file) {
			continue
		}
		if content, ok := dir.onNode().fileAt(file, maxLocale, "must be a translation"); ok {
			all[locale] = OwnLocale{File: file, Content: []byte(content)}
		}
	}
	if len(all) == 0 {
		dir.onNode().fail("has no file that is named after one of the site's locales, such as fr.json")
	}
	return all
}

// readSome reads a text for some of the site's locales.
func readSome(v value, locales []string, parse func(string) (string, error)) map[string]string {
	if !v.given() {
		return nil
	}
	all := map[string]string{}
	for _, e := range entriesOf(v, locales) {
		all[e.key] = required(e.value, parse)
	}
	return all
}

// readWording reads the site's own words for some of its locales.
func readWording(v value, locales []string) map[string]Wording {
	if !v.given() {
		return nil
	}
	all := map[string]Wording{}
	for _, e := range entriesOf(v, locales) {
		g := e.group("subject", "greeting", "lead", "button", "after_signup", "after_confirm", "after_withdraw")
		own := func(key string, limit int) string { return optional(g.get(key), "", parseOwnWords(limit)) }
		all[e.key] = Wording{
			Subject: own("subject", maxSubject), Greeting: own("greeting", maxOwnText), Lead: own("lead", maxOwnText),
			Button: own("button", maxButton), AfterSignup: own("after_signup", maxOwnText),
			AfterConfirm: own("after_confirm", maxOwnText), AfterWithdraw: own("after_withdraw", maxOwnText),
		}
	}
	return all
}

// entriesOf reads a mapping by locales of the site. Any other key is a problem.
func entriesOf(v value, locales []string) (all []entry) {
	for _, e := range v.entries() {
		if len(locales) > 0 && !slices.Contains(locales, e.key) {
			e.fail("is not one of the site's locales, %s", strings.Join(locales, ", "))
			continue
		}
		all = append(all, e)
	}
	return all
}

// readLimits reads the limits of a site.
func readLimits(v value) Limits {
	g := v.group("emails_per_address", "signups_per_ip", "signups_per_network", "emails_per_site")
	return Limits{
		EmailsPerAddress:  optional(g.get("emails_per_address"), DefaultEmailsPerAddress, parseLimits),
		SignupsPerIP:      optional(g.get("signups_per_ip"), DefaultSignupsPerIP, parseLimits),
		SignupsPerNetwork: optional(g.get("signups_per_network"), DefaultSignupsPerNetwork, parseLimits),
		EmailsPerSite:     optional(g.get("emails_per_site"), DefaultEmailsPerSite, parseLimits),
	}
}

// readReminder reads after how long a pending person is reminded. It notes a reminder that the site's limits would
// always prevent.
func readReminder(v value, of Site) time.Duration {
	reminder := optional(v, "", parseReminder(of.LinkTTL))
	for _, l := range of.Limits.EmailsPerAddress {
		if reminder > 0 && l.N == 1 && reminder <= l.Per {
			v.onNode().fail("would never be sent: limits.emails_per_address allows no second email to an address " +
				"that soon; write a longer time here, or raise the limit")
		}
	}
	return reminder
}

// parseReminder returns a parser of the time before a reminder. ttl is how long a link is valid, or 0 if that was
// wrong.
func parseReminder(ttl time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, ok := duration(s)
		if !ok || d < time.Minute || ttl > 0 && d >= ttl {
			return 0, errors.New("must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; " +
				"without it nobody is reminded")
		}
		return d, nil
	}
}

// readValidity reads how long a consent holds, and when the person is asked whether to renew it.
func readValidity(valid, before value) (v Validity) {
	const day = 24 * time.Hour
	if !valid.given() {
		if before.given() {
			before.onNode().fail("is for consents that end; write validity: too, such as 24mo, or delete it")
		}
		return Validity{}
	}
	v.For = optional(valid, "", parsePeriod(60*day, 10*year))
	v.RenewBefore = optional(before, DefaultRenewBefore, parsePeriod(day, year))
	if v.For > 0 && v.RenewBefore >= v.For {
		before.onNode().fail("must be shorter than validity")
	}
	return v
}

// readPurposes reads the purposes of a site.
func readPurposes(v value, of Site) (all []Purpose) {
	if n := len(v.list()); n > maxPurposes {
		v.fail("are %d; at most %d are allowed, more than anybody reads", n, maxPurposes)
	}
	ids := map[string]int{}
	for _, item := range v.nonEmptyList() {
		g := item.group("id", "text", "text_child", "after", "revision",
			"recipients", "retention", "objective", "audience", "frequency")
		all = append(all, Purpose{
			ID: unique(g.get("id"), ids), Text: readTexts(g.get("text"), of.Locales),
			TextChild:  readWords(g.get("text_child"), of.Locales),
			Revision:   optional(g.get("revision"), DefaultRevision, parseRevision),
			Recipients: readRecipients(g.get("recipients")),
			Retention:  readWords(g.get("retention"), of.Locales),
			Objective:  readWords(g.get("objective"), of.Locales),
			Audience:   readWords(g.get("audience"), of.Locales),
			Frequency:  readWords(g.get("frequency"), of.Locales),
			After:      readAfter(g.get("after"), of.Redirects),
		})
	}
	return all
}

// readRecipients reads who receives the data of a purpose, beside the controller.
func readRecipients(v value) []string {
	items := v.list()
	if len(items) > maxRecipients {
		v.fail("are %d; at most %d are allowed", len(items), maxRecipients)
	}
	return each(items, parseLine(maxLine))
}

// readWords reads a text for people: one for all languages, or one for each locale of the site. It is nil if left out.
func readWords(v value, locales []string) map[string]string {
	if !v.given() {
		return nil
	}
	if v.node.Kind != yaml.ScalarNode {
		return readTexts(v, locales)
	}
	text, words := required(v, parseLine(maxText)), map[string]string{}
	for _, locale := range locales {
		words[locale] = text
	}
	return words
}

// readForms reads the forms of a site.
func readForms(v value) (all []Form) {
	items := v.list()
	if len(items) > maxForms {
		v.fail("are %d; at most %d are allowed", len(items), maxForms)
	}
	ids := map[string]int{}
	for _, item := range items {
		g := item.group("id", "url", "strict")
		all = append(all, Form{
			ID: unique(g.get("id"), ids), URL: optional(g.get("url"), "", parseWeb),
			Strict: optional(g.get("strict"), "", parseBool),
		})
	}
	return all
}

// readTexts reads the text of a purpose by language: one for each locale of the site, and no other.
func readTexts(v value, locales []string) map[string]string {
	entries := v.entries()
	if v.given() && v.node.Kind != yaml.MappingNode {
		return nil
	}
	texts := map[string]string{}
	for _, e := range entries {
		locale, err := parseLocale(e.key)
		_, again := texts[locale]
		switch {
		case err != nil:
			e.fail("%s", err.Error())
		case again:
			e.fail("is given twice; keep one")
		case len(locales) > 0 && !slices.Contains(locales, locale):
			e.fail("is not one of the site's locales, %s; add it there, or delete this text",
				strings.Join(locales, ", "))
		default:
			texts[locale] = required(e.value, parseLine(maxText))
		}
	}
	var missing []string
	for _, locale := range locales {
		if _, there := texts[locale]; !there {
			missing = append(missing, locale)
		}
	}
	switch {
	case len(missing) > 0:
		v.fail("has no text in %s; write one for each of the site's locales", strings.Join(missing, ", "))
	case !v.given():
		v.fail("is missing; write one text for each of the site's locales")
	}
	return texts
}

// readAfter reads where a person is sent after an action.
func readAfter(v value, prefixes []*url.URL) RedirectAfter {
	g := v.group("signup", "confirm", "withdraw")
	parse := parseAfter(prefixes)
	return RedirectAfter{
		Signup:   optional(g.get("signup"), "", parse),
		Confirm:  optional(g.get("confirm"), "", parse),
		Withdraw: optional(g.get("withdraw"), "", parse),
	}
}

// parseAfter returns a parser of a page under one of the prefixes: the same scheme, host and port, and the prefix's
// path or one below it. Neither query nor fragment is allowed, so that nothing about a person can ever be put there.
func parseAfter(prefixes []*url.URL) func(string) (*url.URL, error) {
	return func(s string) (*url.URL, error) {
		u, err := parseRedirect(s)
		switch {
		case strings.ContainsAny(s, "?#"):
			return nil, errors.New("must be a page without ? and #")
		case err != nil:
			return nil, err
		}
		// A nil prefix was wrong, and noted.
		if !slices.Contains(prefixes, nil) && !redirect.Under(u, prefixes) {
			return nil, errors.New("is not under any of the site's redirects; add a prefix of it to them")
		}
		return u, nil
	}
}
