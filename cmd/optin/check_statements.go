package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

const week = 7 * 24 * time.Hour

// checkStatements warns of what is put to people where it may not make their consent valid. That is no failure: a text
// may speak of terms and mean something else.
func (f *findings) checkStatements(sites []config.Site) {
	fine := true
	warn := func(about, what, fix string) {
		fine = false
		f.warn("statements", about, what, fix)
	}
	for _, s := range sites {
		if statement.AuthorityOf(s.Controller.Country) == nil {
			warn("site "+s.ID, "No data protection authority of "+s.Controller.Country+
				" is known, so people are not told whom they may complain to.", "Name it in your privacy notice.")
		}
		if d := s.Validity.RenewBefore; d > 0 && d < week {
			warn("site "+s.ID, "People are asked to renew less than a week before their consent ends, and who is away "+
				"then loses it.", "Write a longer renew_before:, such as 30d.")
		}
		for _, p := range s.Purposes {
			for _, locale := range slices.Sorted(maps.Keys(p.Text)) {
				about := fmt.Sprintf("site %s, purpose %s, in %s", s.ID, p.ID, locale)
				if statement.MentionsTerms(p.Text[locale]) {
					warn(about,
						"The text speaks of terms; consent must be asked for apart from them (GDPR article 7(2)).",
						"Leave them out of this text, and ask for their acceptance elsewhere.")
				}
				if statement.MentionsPartners(p.Text[locale]) && len(p.Recipients) == 0 {
					warn(about,
						"The text speaks of partners who are not named; people must know who receives their data.",
						"Name each of them under recipients, or leave them out of this text.")
				}
			}
		}
	}
	if fine {
		f.add("statements", fmt.Sprintf("of %d site(s)", len(sites)), nil)
	}
}

// checkReviewed warns of languages that sites use and that nobody vouches for. It is no failure: what people agree to
// is in the site's own words.
func (f *findings) checkReviewed(sites []config.Site, pages *templates.Set) {
	for _, s := range sites {
		if some := pages.Unreviewed(s.ID, s.Locales); len(some) > 0 {
			fmt.Fprintf(f.out, "warn   %-14s site %s: nobody has reviewed optin's words in %s.\n"+
				"         Have somebody read them who knows the language (optin preview shows all), or bring a file\n"+
				"         of your own (locales_dir).\n", "languages", s.ID, strings.Join(some, ", "))
		}
	}
}
