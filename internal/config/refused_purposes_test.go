package config

import (
	"fmt"
	"strings"
	"testing"
)

func manyPurposes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      - {id: p%d, text: {fr: a, en: b}}\n", i)
	}
	return b.String()
}

func TestWrongPurposesAreRefused(t *testing.T) {
	refuse(t, []refusal{
		{"      - id: letter\n", "      - id: Letter\n", []string{
			"25: sites[0].purposes[0].id must be 1 to 64 of a-z, 0-9 and -",
		}},
		{"      - id: letter\n", manyPurposes(64) + "      - id: letter\n", []string{
			"24: sites[0].purposes are 65; at most 64 are allowed, more than anybody reads",
		}},
		{"      - id: letter\n        text: {", "      - id: letter\n        text: {fr: a, en: b}\n      - id: letter\n        text: {", []string{
			"27: sites[0].purposes[1].id is the same as on line 25; each must be unique",
		}},
		{`, en: "Receive the monthly letter of La Gazette"`, "", []string{
			"26: sites[0].purposes[0].text has no text in en; write one for each of the site's locales",
		}},
		{`, en: "Receive the monthly letter of La Gazette"`, ", de: Lesen", []string{
			"26: sites[0].purposes[0].text.de is not one of the site's locales, fr, en; add it there, or delete this text",
			"26: sites[0].purposes[0].text has no text in en; write one for each of the site's locales",
		}},
		{`text: {fr: "Recevoir la lettre mensuelle de La Gazette", en: "Receive the monthly letter of La Gazette"}`, "text: Receive", []string{
			"26: sites[0].purposes[0].text is a single value, but must be a group of keys: key: value",
		}},
		{"        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: \"Receive the monthly letter of La Gazette\"}\n", "", []string{
			"25: sites[0].purposes[0].text has no text in fr, en; write one for each of the site's locales",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, `fr: " "`, []string{
			"26: sites[0].purposes[0].text.fr is empty",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: \"Recevoir\\u0007\"", []string{
			"26: sites[0].purposes[0].text.fr must be on one line, without control characters",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: " + strings.Repeat("a", 2001), []string{
			"26: sites[0].purposes[0].text.fr is longer than 2000 characters",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "fr: a, FR: b", []string{
			"26: sites[0].purposes[0].text.FR is given twice; keep one",
		}},
		{`fr: "Recevoir la lettre mensuelle de La Gazette"`, "french: a", []string{
			"26: sites[0].purposes[0].text.french must be a language tag of BCP 47, such as fr, pt-BR or zh-Hant",
			"26: sites[0].purposes[0].text has no text in fr; write one for each of the site's locales",
		}},
		{"    purposes:\n      - id: letter\n        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: \"Receive the monthly letter of La Gazette\"}\n", "    purposes: []\n", []string{
			"24: sites[0].purposes must have at least one entry",
		}},
		{"    purposes:\n      - id: letter\n        text: {fr: \"Recevoir la lettre mensuelle de La Gazette\", en: \"Receive the monthly letter of La Gazette\"}\n", "", []string{
			"13: sites[0].purposes is missing; it must have at least one entry",
		}},
		{"sites:\n", "sites: []\nsite:\n", []string{
			"12: sites must have at least one entry",
			"13: site is not known; did you mean sites?",
		}},
		{"    limits: {", "  - id: gazette\n    api_keys: [${GAZETTE_API_KEY}]\n    limits: {", []string{
			"27: sites[1].name is missing",
			"27: sites[1].url is missing",
			"27: sites[1].from is missing",
			"27: sites[1].controller.name is missing",
			"27: sites[1].controller.address is missing",
			"27: sites[1].controller.contact is missing",
			"27: sites[1].locales is missing; it must have at least one entry",
			"27: sites[1].purposes is missing; it must have at least one entry",
			"27: sites[1].id is the same as on line 13; each must be unique",
			"28: sites[1].api_keys[0] is the same key as on line 21; a key belongs to one site, or to the operator, once",
		}},
	})
}
