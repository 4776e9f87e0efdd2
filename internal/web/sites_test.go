package web

import (
	"crypto/sha256"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

func rules() []confirm.Site {
	terms := consent.Terms{TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}}}
	purpose := func(id string) confirm.Purpose {
		return confirm.Purpose{ID: id, Text: map[string]string{"en": "Receive " + id, "fr": "Recevoir " + id}}
	}
	return []confirm.Site{
		{ID: "gazette", Locales: []string{"en", "fr"}, Purposes: []confirm.Purpose{purpose("letter")}, Terms: terms, Challenge: confirm.ChallengeNever},
		{ID: "club", Locales: []string{"fr", "en"}, Purposes: []confirm.Purpose{purpose("news"), purpose("offers")}, Terms: terms, Challenge: confirm.ChallengeNever},
	}
}

func shown() map[string]Site {
	show := func(id, name string) templates.Site {
		return templates.Site{ID: id, Name: name, URL: "https://" + id + ".example", Controller: templates.Controller{Name: name + " SAS"}}
	}
	return map[string]Site{
		"gazette": {
			Show: show("gazette", "La Gazette"), Locales: []string{"en", "fr"}, Origins: []string{"https://gazette.example"},
			Redirects: []string{"https://gazette.example/thanks/"},
			APIKeys: []APIKey{
				{sha256.Sum256([]byte(gazetteKey)), ScopeBoth}, {sha256.Sum256([]byte(readKey)), ScopeRead}, {sha256.Sum256([]byte(writeKey)), ScopeWrite},
			},
		},
		"club": {
			Show: show("club", "Le Club"), Locales: []string{"fr", "en"}, Origins: []string{"https://club.example"},
			APIKeys: []APIKey{{sha256.Sum256([]byte(clubKey)), ScopeBoth}},
		},
	}
}
