package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/preflight"
)

// checkStatements warns of what is put to people, where it may not make their consent valid. It is no failure: a text
// may speak of terms and mean something else.
func (f *findings) checkStatements(sites []config.Site) {
	var all []preflight.Finding
	for _, s := range sites {
		if statement.AuthorityOf(s.Controller.Country) == nil {
			all = append(all, preflight.Finding{
				Level: preflight.Warn, Check: "statements", About: "site " + s.ID,
				What: "no data protection authority of " + s.Controller.Country + " is known, so people are not told " +
					"whom they may complain to",
				Fix: []string{"name the authority in your privacy notice"},
			})
		}
		for _, p := range s.Purposes {
			for _, locale := range slices.Sorted(maps.Keys(p.Text)) {
				about := fmt.Sprintf("site %s, purpose %s, in %s", s.ID, p.ID, locale)
				all = append(all, textFindings(about, p.Text[locale], len(p.Recipients) > 0)...)
			}
		}
	}
	if len(all) == 0 {
		f.add("statements", "of "+strconv.Itoa(len(sites))+" site(s)", nil)
	}
	f.addFindings(all)
}

// textFindings returns what to look at in one text of a purpose. named reports whether it has recipients.
func textFindings(about, text string, named bool) (all []preflight.Finding) {
	add := func(what, fix string) {
		all = append(all, preflight.Finding{
			Level: preflight.Warn, Check: "statements", About: about, What: what, Fix: []string{fix},
		})
	}
	if statement.MentionsTerms(text) {
		add("the text speaks of terms; consent must be asked for apart from them (GDPR article 7(2))",
			"ask for the acceptance of terms elsewhere, and leave them out of this text")
	}
	if statement.MentionsPartners(text) && !named {
		add("the text speaks of partners who are not named; a person must know who receives the data",
			"name each of them under recipients, or leave them out of this text")
	}
	return all
}
