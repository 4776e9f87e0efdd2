package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withLines puts lines into the smallest configuration, before its locales.
func withLines(lines string) string {
	return strings.Replace(minimal, "    locales:", "    "+lines+"\n    locales:", 1)
}

func TestASiteHasWordsTimesAndTranslationsOfItsOwn(t *testing.T) {
	text := strings.NewReplacer("locales: [en]", "locales: [en, tlh]",
		"text: {en: Receive the letter}",
		"text: {en: Receive the letter, tlh: Letter}, text_child: {en: A letter, tlh: Letter}",
	).Replace(withLines("timezone: Europe/Athens\n    locales_dir: words\n    from_names: {tlh: Gazette}\n" +
		"    wording: {en: {subject: Your letter, greeting: 'Good morning,', after_confirm: Welcome}}"))
	c, err := Parse("etc/optin.yaml", []byte(text), variables,
		files(map[string]string{"etc/words/tlh.json": "{}", "etc/words/fr.json": "never read"}), "en", "fr")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if s.TimeZone.String() != "Europe/Athens" {
		t.Errorf("the time zone is %v", s.TimeZone)
	}
	if diff := cmp.Diff(map[string]OwnLocale{"tlh": {"words/tlh.json", []byte("{}")}}, s.OwnLocales); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"tlh": "Gazette"}, s.FromNames); diff != "" {
		t.Error(diff)
	}
	want := map[string]Wording{"en": {Subject: "Your letter", Greeting: "Good morning,", AfterConfirm: "Welcome"}}
	if diff := cmp.Diff(want, s.Wording); diff != "" {
		t.Error(diff)
	}
	if s.Purposes[0].TextChild["en"] != "A letter" {
		t.Errorf("%+v", s.Purposes[0])
	}
}

func TestWrongLanguagesOfASiteAreRefused(t *testing.T) {
	read := files(map[string]string{"words/de.json": "{}", "words/en.json": strings.Repeat("x", 300_000),
		"logo.gif": "GIF89a", "logo.png": "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5000),
		"logo.webp": "RIFF\x00\x00\x00\x00WEBPVP8 "})
	x61 := strings.Repeat("x", 61)
	for _, row := range []struct{ line, want string }{
		{"timezone: Paris", "timezone must be a time zone of the IANA database"},
		{"timezone: Local", "timezone must be a time zone of the IANA database"},
		{"timezone: Etc/GMT+5", "timezone must be the time zone of a city, such as Europe/Paris, or UTC"},
		{"timezone: ../../etc/passwd", "timezone must be a time zone of the IANA database"},
		{"locales_dir: nowhere", "locales_dir has no file that is named after one of the site's locales"},
		{"locales_dir: words", "locales_dir names a file larger than 256 KiB; it must be a translation"},
		{"from_names: {de: x}", "from_names.de is not one of the site's locales, en"},
		{"from_names: {en: ''}", "from_names.en is empty"},
		{"wording: {de: {lead: x}}", "wording.de is not one of the site's locales, en"},
		{"wording: {en: {footer: x}}", "wording.en.footer is not a known key"},
		{"wording: {en: {lead: <b>x</b>}}", "wording.en.lead must be plain text, without < > { }"},
		{"wording: {en: {lead: '{{.Site}}'}}", "wording.en.lead must be plain text, without < > { }"},
		{"wording: {en: {lead: 'see http://x.example'}}", "wording.en.lead must be without links and addresses"},
		{"wording: {en: {lead: write to a@x.example}}", "wording.en.lead must be without links and addresses"},
		{`wording: {en: {lead: "\u202e"}}`, "wording.en.lead must be without characters that change"},
		{"wording: {en: {subject: " + x61 + "}}", "wording.en.subject is longer than 60 characters"},
		{"wording: {en: {button: " + x61[:41] + "}}", "wording.en.button is longer than 40 characters"},
		{"theme: {email_logo: logo.gif}", "theme.email_logo names a file that is neither"},
		{"theme: {email_logo: logo.webp}", "theme.email_logo must be PNG or JPEG"},
		{"theme: {email_logo: logo.png}", "theme.email_logo names a file larger than 4 KiB"},
	} {
		_, err := Parse("optin.yaml", []byte(withLines(row.line)), variables, read, "en", "fr")
		if err == nil || !strings.Contains(err.Error(), "sites[0]."+row.want) {
			t.Errorf("%s: %v", row.line, err)
		}
	}
}
