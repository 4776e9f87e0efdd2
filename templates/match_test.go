package templates

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMatchFindsTheBestOfferedLocale(t *testing.T) {
	s := newSet(t)
	fr := []string{"fr", "en"}
	for _, row := range []struct {
		offered []string
		wanted  []string
		want    string
	}{
		{fr, []string{"en"}, "en"},
		{fr, []string{"en-GB"}, "en"},
		{fr, []string{"EN_us"}, "en"},
		{fr, []string{"fr-CA"}, "fr"},
		{fr, []string{"en;q=0.3, fr;q=0.9"}, "fr"},
		{fr, []string{"en-US,en;q=0.9,fr;q=0.8"}, "en"},
		{fr, []string{"de, en;q=0.5"}, "en"},
		{fr, []string{"de", "en"}, "en"},
		{fr, []string{"", "en"}, "en"},
		{fr, []string{"ja", "zh"}, "fr"},
		{fr, []string{"en;q=0"}, "fr"},
		{fr, []string{"*"}, "fr"},
		{fr, []string{"und"}, "fr"},
		{[]string{"en", "fr"}, []string{"*, fr;q=0.5"}, "fr"},
		{fr, []string{"not a tag!, en"}, "en"},
		{fr, []string{"en;q=nonsense"}, "fr"},
		// as operating systems and content systems name locales
		{fr, []string{"en_US.UTF-8"}, "en"},
		{fr, []string{"en_US.utf8"}, "en"},
		{fr, []string{"en_GB@euro"}, "en"},
		{fr, []string{"en_GB.ISO-8859-15@euro"}, "en"},
		{fr, []string{"en_US_formal"}, "en"},
		{fr, []string{"en-US-1990"}, "en"},
		{fr, []string{"en_US_formal_x1_y2;q=0.5, de"}, "en"},
		{fr, []string{"en_US:en:de"}, "en"},
		{[]string{"fr-CA", "fr-FR"}, []string{"fr_FR.UTF-8"}, "fr-FR"},
		{fr, []string{"C"}, "fr"},
		{fr, []string{"C.UTF-8"}, "fr"},
		{fr, []string{"POSIX", "en"}, "en"},
		{fr, []string{".UTF-8"}, "fr"},
		{fr, []string{"@en"}, "fr"},
		{fr, []string{"_en"}, "fr"},
		{fr, []string{"en;q=NaN"}, "en"},
		{fr, nil, "fr"},
		{nil, []string{"fr"}, ""},
		{[]string{"fr-CA", "fr-FR"}, []string{"fr-FR"}, "fr-FR"},
		{[]string{"pt-BR", "pt-PT"}, []string{"pt-AO"}, "pt-PT"},
		{[]string{"zh-Hant", "zh-Hans"}, []string{"zh-TW"}, "zh-Hant"},
		{[]string{"???", "en"}, []string{"en"}, "en"},
		{[]string{"???"}, []string{"en"}, "???"},
		{fr, []string{strings.Repeat("en-", 1<<20)}, "fr"},
		{fr, []string{"en," + strings.Repeat("x-y,", 1<<18)}, "en"},
		{fr, []string{strings.Repeat("a", 300) + ",en"}, "fr"},
		{fr, []string{"en-u-" + strings.Repeat("co-phonebk-", 20)}, "en"},
		{fr, []string{"\x00\xff,en"}, "en"},
		{fr, []string{",,,,;;;;====", "en"}, "en"},
	} {
		if got := s.Match(row.offered, row.wanted...); got != row.want {
			t.Errorf("Match(%q, %.60q) = %q, want %q", row.offered, row.wanted, got, row.want)
		}
	}
}

func TestALocaleIsShownInTheNearestLanguage(t *testing.T) {
	s := newSet(t)
	for locale, want := range map[string]string{"fr": "fr", "fr-CA": "fr", "en-GB": "en", "tlh": "en", "": "en",
		"\xff": "en", "*": "en"} {
		if got := s.Language(locale); got != want {
			t.Errorf("%q is shown in %q, want %q", locale, got, want)
		}
	}
	if got := s.Languages(); !slices.Contains(got, "en") || !slices.Contains(got, "fr") || !slices.IsSorted(got) {
		t.Error(got)
	}
	for locale, want := range map[string]string{"fr": "Français", "fr-CA": "Français", "en": "English", "tlh": "tlh",
		"<b>": "<b>"} {
		if got := s.Endonym(locale); got != want {
			t.Errorf("%q names itself %q, want %q", locale, got, want)
		}
	}
}

func TestALanguageThatWasFoundIsFoundAgainWithoutAllocation(t *testing.T) {
	s, offered := newSet(t), []string{"fr", "en"}
	for _, wanted := range []string{"", "en-GB,en;q=0.9,fr;q=0.8,de;q=0.7", "fr-CA"} {
		if n := testing.AllocsPerRun(100, func() { s.Match(offered, "", wanted) }); n > 0 {
			t.Errorf("Match of %q: %.0f allocations", wanted, n)
		}
		if n := testing.AllocsPerRun(100, func() { s.Language(wanted) }); n > 0 {
			t.Errorf("Language of %q: %.0f allocations", wanted, n)
		}
	}
}

func TestMatchesAreRememberedByAllThatIsOfferedAndWanted(t *testing.T) {
	s := newSet(t)
	for range 2 {
		for _, row := range []struct {
			offered, wanted []string
			want            string
		}{
			{[]string{"fr", "en"}, []string{"de"}, "fr"},
			{[]string{"en", "fr"}, []string{"de"}, "en"},
			{[]string{"fr"}, []string{"en", "de"}, "fr"},
			{[]string{"fr", "en"}, []string{"en", "fr"}, "en"},
			{[]string{"fr", "en"}, []string{"fr", "en"}, "fr"},
			{[]string{"fr", "en"}, []string{"", "en"}, "en"},
		} {
			if got := s.Match(row.offered, row.wanted...); got != row.want {
				t.Errorf("of %q for %q: %q, want %q", row.offered, row.wanted, got, row.want)
			}
		}
	}
}

func TestOnlySoManyMatchesAreRemembered(t *testing.T) {
	s := newSet(t)
	for i := range 2 * maxMatches {
		s.Match([]string{"fr", "x-" + strconv.Itoa(i)}, "en-x-"+strconv.Itoa(i))
		if len(s.matches.found) > maxMatches || len(s.matches.matchers) > maxMatchers {
			t.Fatalf("%d matches and %d matchers", len(s.matches.found), len(s.matches.matchers))
		}
	}
	before := len(s.matches.found)
	s.Match([]string{"fr"}, strings.Repeat("en,", maxMatchKey))
	if len(s.matches.found) != before {
		t.Error("a long header is remembered")
	}
}

func FuzzMatch(f *testing.F) {
	s, err := New()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"fr-CA, en;q=0.5", "*", "und", "x-", "en-u-co-", "\xff;q=1e309",
		strings.Repeat("a-", 2000), "i-klingon, zh-min-nan;q=-1"} {
		f.Add("fr", "en", seed)
		f.Add(seed, "en", seed)
	}
	f.Fuzz(func(t *testing.T, a, b, wanted string) {
		offered := []string{a, b}
		if got := s.Match(offered, wanted, a); !slices.Contains(offered, got) {
			t.Errorf("%q was not offered", got)
		}
		if got := s.Language(wanted); !slices.Contains(s.Languages(), got) {
			t.Errorf("%q is not built in", got)
		}
	})
}
