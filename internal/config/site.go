package config

import (
	"slices"
	"strings"
)

// readSites reads the list of sites. Ids and API keys must differ between them.
func readSites(v value, languages []string, keys apiKeys) []Site {
	var sites []Site
	ids := map[string]int{}
	for _, item := range v.some() {
		g := item.group("id", "name", "url", "from", "controller", "locales", "origins", "redirects", "api_keys", "api_keys_file",
			"webhooks", "link_ttl", "purposes", "limits", "theme", "frame_ancestors", "after", "reply_to", "bounce_domain", "reminder", "challenge")
		s := readSite(g, languages)
		s.ID = unique(g.get("id"), ids)
		s.APIKeys = keys.read(g, (value).apiKey)
		sites = append(sites, s)
	}
	return sites
}

// readSite reads one site but for what must differ from other sites.
func readSite(g group, languages []string) Site {
	s := Site{
		Name:       required(g.get("name"), parseWords(maxName)),
		URL:        required(g.get("url"), parseWeb),
		From:       required(g.get("from"), parseFrom),
		Controller: readController(g.get("controller")),
		Locales:    readLocales(g.get("locales"), languages),
		Origins:    each(g.get("origins").list(), parseOrigin),
		Redirects:  each(g.get("redirects").list(), parseRedirect),
		LinkTTL:    optional(g.get("link_ttl"), DefaultLinkTTL, parseLinkTTL),
		Limits:     readLimits(g.get("limits")),

		Theme:          readTheme(g.get("theme")),
		FrameAncestors: each(g.get("frame_ancestors").list(), parseOrigin),
	}
	s.readLetters(g)
	s.Challenge = readChallenge(g.get("challenge"))
	s.After = readAfter(g.get("after"), s.Redirects)
	for _, item := range g.get("webhooks").list() {
		s.Webhooks = append(s.Webhooks, readWebhook(item))
	}
	ids := map[string]int{}
	if n := len(g.get("purposes").list()); n > maxPurposes {
		g.get("purposes").fail("are %d; at most %d are allowed, more than anybody reads", n, maxPurposes)
	}
	for _, item := range g.get("purposes").some() {
		s.Purposes = append(s.Purposes, readPurpose(item, s, ids))
	}
	return s
}

// unique reads an id that nobody of lines has; lines holds on which line each id stands.
func unique(v value, lines map[string]int) string {
	id := required(v, parseID)
	if first, again := lines[id]; again {
		v.onNode().fail("is the same as on line %d; each must be unique", first)
	} else if id != "" {
		lines[id] = v.line
	}
	return id
}

// readController reads who answers for the site's data.
func readController(v value) Controller {
	g := v.group("name", "address", "contact", "privacy_url", "country")
	return Controller{
		Name:       required(g.get("name"), parseWords(maxName)),
		Address:    required(g.get("address"), parseWords(maxLine)),
		Contact:    required(g.get("contact"), parseAddress),
		PrivacyURL: optional(g.get("privacy_url"), "", parseWeb),
		Country:    optional(g.get("country"), "", parseCountry),
	}
}

// readLocales reads the languages of a site. With languages, each must be one of them. It returns none when one of them is
// no language, lest texts that are right be told to be of a language the site does not have.
func readLocales(v value, languages []string) []string {
	var locales []string
	broken := false
	for _, item := range v.some() {
		l := required(item, parseLocale)
		switch {
		case l == "":
			broken = true
			continue
		case slices.Contains(locales, l):
			item.fail("is listed twice; keep one")
			continue
		case len(languages) > 0 && !slices.Contains(languages, l):
			item.fail("has no built-in translation; available are %s", strings.Join(languages, ", "))
		}
		locales = append(locales, l)
	}
	if broken {
		return nil
	}
	return locales
}
