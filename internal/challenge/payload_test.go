package challenge

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A used solution in another spelling has the same id, or is refused.
func TestASolutionHasOneIDHoweverItIsSpelled(t *testing.T) {
	w := work(t)
	p := solved(w.Make("gazette"))
	for took := 1; !strings.HasSuffix(encoded(p), "="); took *= 10 {
		p["took"] = took
	}
	id, _, err := w.Check("gazette", encoded(p))
	if err != nil {
		t.Fatal(err)
	}
	raw := func(format string) string {
		text := fmt.Sprintf(format, p["salt"], p["number"], p["challenge"], p["signature"])
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	for name, spelt := range map[string]string{
		"another order": raw(`{"salt":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"spaces": raw(" {\n\"salt\" : %q,\t\"number\": %d, \"challenge\":%q,\"signature\":%q, " +
			"\"algorithm\":\"SHA-256\"}\n"),
		"escapes":         raw(`{"s\u0061lt":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"\u0053HA-256"}`),
		"took longer":     raw(`{"salt":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"SHA-256","took":1.5e3}`),
		"other case":      raw(`{"SALT":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"twice":           raw(`{"salt":"x","salt":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"more after it":   raw(`{"salt":%q,"number":%d,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}{}`),
		"point":           raw(`{"salt":%q,"number":%d.0,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"exponent":        raw(`{"salt":%q,"number":%de0,"challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"text for number": raw(`{"salt":%q,"number":"%d","challenge":%q,"signature":%q,"algorithm":"SHA-256"}`),
		"no padding":      strings.TrimRight(encoded(p), "="),
		"line end":        encoded(p)[:40] + "\n" + encoded(p)[40:],
	} {
		got, _, err := w.Check("gazette", spelt)
		if err == nil && got != id || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		fine := name == "another order" || name == "spaces" || name == "escapes" || name == "took longer"
		if fine != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANumberHasOneSpelling(t *testing.T) {
	w := work(t, func(o *WorkOptions) { o.Rand = choosing(0) })
	p := solved(w.Make("gazette"))
	for spelt, want := range map[any]error{
		json.Number("0"):          nil,
		json.Number("-0"):         ErrInvalid,
		json.Number("0.0"):        ErrInvalid,
		json.Number("0e0"):        ErrInvalid,
		json.Number("4294967296"): ErrInvalid,
		"0":                       ErrInvalid,
		"":                        ErrInvalid,
		nil:                       ErrInvalid,
		false:                     ErrInvalid,
	} {
		p["number"] = spelt
		if _, _, err := w.Check("gazette", encoded(p)); !errors.Is(err, want) {
			t.Errorf("%v: %v", spelt, err)
		}
	}
	delete(p, "number")
	if _, _, err := w.Check("gazette", encoded(p)); !errors.Is(err, ErrInvalid) {
		t.Errorf("none: %v", err)
	}
}

func TestAPayloadForAnotherSiteOrWithoutSolutionIsRefused(t *testing.T) {
	w := work(t)
	other, err := NewWork(listed("another key"), WorkOptions{Max: 50, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(p map[string]any) any{
		"another number": func(p map[string]any) any { p["number"] = (p["number"].(int) + 1) % 51; return p },
		"negative":       func(p map[string]any) any { p["number"] = -1; return p },
		"enormous": func(p map[string]any) any {
			p["number"] = json.Number(strings.Repeat("9", 40))
			return p
		},
		"no number":        func(p map[string]any) any { delete(p, "number"); return p },
		"null":             func(p map[string]any) any { p["number"] = nil; return p },
		"no signature":     func(p map[string]any) any { delete(p, "signature"); return p },
		"empty signature":  func(p map[string]any) any { p["signature"] = ""; return p },
		"half a signature": func(p map[string]any) any { p["signature"] = p["signature"].(string)[:32]; return p },
		"upper case": func(p map[string]any) any {
			p["signature"] = strings.ToUpper(p["signature"].(string))
			return p
		},
		"another algorithm": func(p map[string]any) any { p["algorithm"] = "SHA-1"; return p },
		"no algorithm":      func(p map[string]any) any { delete(p, "algorithm"); return p },
		"a member too many": func(p map[string]any) any { p["test"] = true; return p },
		"nested":            func(p map[string]any) any { p["took"] = map[string]any{"x": 1}; return p },
		"another challenge": func(p map[string]any) any {
			p["challenge"] = solved(w.Make("gazette"))["challenge"]
			return p
		},
		"a longer life": func(p map[string]any) any {
			p["salt"] = strings.Replace(p["salt"].(string), "180", "190", 1)
			return p
		},
		"another salt's end": func(p map[string]any) any { p["salt"] = p["salt"].(string) + "x&"; return p },
		"an array":           func(p map[string]any) any { return []any{p} },
		"a text":             func(map[string]any) any { return "altcha" },
		"null altogether":    func(map[string]any) any { return nil },
		"another site's":     func(map[string]any) any { return solved(w.Make("gazette2")) },
		"a site's within":    func(map[string]any) any { return solved(w.Make("gazette&site=gazette")) },
		"nobody's site":      func(map[string]any) any { return solved(w.Make("")) },
		"under another key":  func(map[string]any) any { return solved(other.Make("gazette")) },
		"signed by nobody": func(p map[string]any) any {
			p["signature"] = sign(nil, p["challenge"].(string))
			return p
		},
	} {
		id, until, err := w.Check("gazette", encoded(spoil(solved(w.Make("gazette")))))
		if !errors.Is(err, ErrInvalid) || id != "" || !until.IsZero() {
			t.Errorf("%s: %q %v", name, id, err)
		}
	}
	big := solved(w.Make("gazette"))
	big["took"] = json.Number("1" + strings.Repeat("0", maxPayload))
	for _, text := range []string{"", "=", "!!!!", "e30=", "bnVsbA==", encoded(big), strings.Repeat("e30=", 1000)} {
		if _, _, err := w.Check("gazette", text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// CVE-2025-68113: without a fixed end of the salt, digits of the number become digits of the time, and the hash stays
// the same.
func TestDigitsCannotBeMovedFromTheNumberIntoTheSalt(t *testing.T) {
	w := work(t, func(o *WorkOptions) { o.Max, o.Rand = 100_000, choosing(12345) })
	p := solved(w.Make("gazette"))
	salt := p["salt"].(string)
	for cut, number := range map[int]int{1: 2345, 2: 345, 3: 45, 4: 5} {
		p["salt"], p["number"] = salt+"12345"[:cut], number
		if _, _, err := w.Check("gazette", encoded(p)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d digits were moved: %v", cut, err)
		}
	}
	for _, form := range []string{
		"%s?expires=1800000600",
		"%s?site=gazette&expires=1800000600",
		"%s?expires=1800000600&site=gazette&x=",
		"%s?expires=01800000600&site=gazette&",
		"%s?expires=+1800000600&site=gazette&",
		"%s?site=gazette&expires=1800000600&",
		"%s?expires=1800000600&site=%%67azette&",
		"%s?expires=1800000600&site=gazette",
		"%.31s?expires=1800000600&site=gazette&",
		"G%.31s?expires=1800000600&site=gazette&",
		"%s?expires=1800000600&site=gazette&site=gazette&",
	} {
		salt := fmt.Sprintf(form, strings.Repeat("ab", 16)) // as if our own key had signed such a salt
		sum := hash(salt, 7)
		p := map[string]any{
			"algorithm": "SHA-256",
			"challenge": sum,
			"number":    7,
			"salt":      salt,
			"signature": sign([]byte("a key"), sum),
		}
		if _, _, err := w.Check("gazette", encoded(p)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", salt, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	w := work(f, func(o *WorkOptions) { o.Rand = choosing(37) }) // every process of the fuzzer makes the same challenge
	p := solved(w.Make("gazette"))
	good := encoded(p)
	want, _, err := w.Check("gazette", good)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "e30=", encoded([]any{p}), encoded(map[string]any{"salt": nil}),
		good[:len(good)-4], good + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, until, err := w.Check("gazette", text)
		switch {
		case err == nil && (id != want || !until.After(noon)):
			t.Errorf("%q is good, as %q", text, id)
		case err != nil && (id != "" || !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrExpired)):
			t.Errorf("%q: %q %v", text, id, err)
		}
	})
}
