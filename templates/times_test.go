package templates

import (
	"testing"
	"time"
)

func TestMomentsAreWrittenInUTCAndInWords(t *testing.T) {
	s := newSet(t)
	paris := time.FixedZone("", 3600)
	for _, row := range []struct {
		lang string
		at   time.Time
		want string
	}{
		{"en", time.Date(2026, 11, 21, 18, 2, 59, 0, time.UTC), "21 November 2026 at 18:02 (UTC)"},
		{"fr", time.Date(2026, 11, 21, 18, 2, 59, 0, time.UTC), "21 novembre 2026 à 18:02 (UTC)"},
		{"fr", time.Date(2027, 1, 1, 0, 30, 0, 0, paris), "31 décembre 2026 à 23:30 (UTC)"},
		{"fr", time.Date(2027, 8, 1, 9, 5, 0, 0, time.UTC), "1er août 2027 à 09:05 (UTC)"},
		{"en", time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), "1 February 2027 at 00:00 (UTC)"},
	} {
		if got, err := s.translation(row.lang).moment(row.at, nil); got != row.want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, row.want)
		}
	}
}

func TestDurationsAreWrittenWithTheirPlurals(t *testing.T) {
	s := newSet(t)
	const day = 24 * time.Hour
	for d, want := range map[time.Duration][2]string{
		-time.Second:                 {"1 second", "1 seconde"},
		0:                            {"1 second", "1 seconde"},
		30 * time.Second:             {"30 seconds", "30 secondes"},
		time.Minute:                  {"1 minute", "1 minute"},
		90 * time.Second:             {"2 minutes", "2 minutes"},
		10 * time.Minute:             {"10 minutes", "10 minutes"},
		59*time.Minute + time.Second: {"1 hour", "1 heure"},
		time.Hour:                    {"1 hour", "1 heure"},
		90 * time.Minute:             {"1 hour and 30 minutes", "1 heure et 30 minutes"},
		48 * time.Hour:               {"48 hours", "48 heures"},
		49 * time.Hour:               {"2 days and 1 hour", "2 jours et 1 heure"},
		72 * time.Hour:               {"3 days", "3 jours"},
		30 * day:                     {"30 days", "30 jours"},
	} {
		for i, lang := range []string{"en", "fr"} {
			got := s.translation(lang).duration(d)
			if got = plainSpaces(got); got != want[i] {
				t.Errorf("%v in %s is %q, want %q", d, lang, got, want[i])
			}
		}
	}
}

func plainSpaces(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r == '\u00a0' {
			out[i] = ' '
		}
	}
	return string(out)
}
