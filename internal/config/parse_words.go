package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// idLetters are the letters of an id.
const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// parseID takes the id of a site or a purpose. It becomes a part of addresses and of a store's keys.
func parseID(s string) (string, error) {
	if s == "" || len(s) > 64 || strings.Trim(s, idLetters) != "" {
		return "", errors.New("must be 1 to 64 of a-z, 0-9 and -")
	}
	if s[0] == '-' {
		return "", errors.New("must begin with a letter or a digit")
	}
	return s, nil
}

// parseWords makes a parser of a text of at most limit characters on one line.
func parseWords(limit int) func(string) (string, error) {
	return func(s string) (string, error) {
		s = strings.TrimSpace(s)
		switch {
		case s == "":
			return "", errors.New("is empty")
		case !utf8.ValidString(s):
			return "", errors.New("is not UTF-8 text")
		case utf8.RuneCountInString(s) > limit:
			return "", fmt.Errorf("is longer than %d characters", limit)
		case strings.ContainsFunc(s, breaks):
			return "", errors.New("must be on one line, without control characters")
		}
		return s, nil
	}
}

// breaks tells whether a character may break a line or a header.
func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// parseCountry takes the two letters of ISO 3166-1.
func parseCountry(s string) (string, error) {
	up := strings.ToUpper(s)
	if len(up) != 2 || strings.Trim(up, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", errors.New("must be a country's two letters, such as FR")
	}
	return up, nil
}

// parseBool takes true or false.
func parseBool(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, errors.New("must be true or false")
	}
	return s == "true", nil
}

// parseConnections takes the number of connections held open to the relay.
func parseConnections(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < 1 || n > 64 {
		return 0, errors.New("must be a whole number from 1 to 64")
	}
	return int(n), nil
}

// parseLinkTTL takes how long a link is good.
func parseLinkTTL(s string) (time.Duration, error) {
	d, ok := duration(s)
	if !ok || d < 10*time.Minute || d > 30*24*time.Hour {
		return 0, errors.New("must be 10m to 30d, in s, m, h or d, such as 48h")
	}
	return d, nil
}

// parseLimits takes limits such as "1/10m 3/24h".
func parseLimits(s string) ([]Limit, error) {
	form := errors.New(`must be one to eight limits such as "1/10m 3/24h": a count from 1 to 100000, a slash, and 1s to 366d in s, m, h or d`)
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 8 {
		return nil, form
	}
	limits := make([]Limit, len(words))
	for i, w := range words {
		count, per, _ := strings.Cut(w, "/")
		n, err := strconv.ParseUint(count, 10, 32)
		d, ok := duration(per)
		if err != nil || n < 1 || n > 100_000 || !ok || d < time.Second || d > 366*24*time.Hour {
			return nil, form
		}
		limits[i] = Limit{N: int(n), Per: d}
	}
	return limits, nil
}

// duration reads whole numbers with s, m, h or d behind each, such as 48h or 1h30m.
func duration(s string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var sum time.Duration
	for rest := s; rest != ""; {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 7 || units[rest[i]] == 0 {
			return 0, false
		}
		n, _ := strconv.Atoi(rest[:i])
		sum += time.Duration(n) * units[rest[i]]
		if rest = rest[i+1:]; len(s) > 24 {
			return 0, false
		}
	}
	return sum, s != ""
}
