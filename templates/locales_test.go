package templates

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
)

// eachTranslation runs a test on every file of locales/, whole or not.
func eachTranslation(t *testing.T, test func(t *testing.T, of *translation)) {
	all, err := embeddedTranslations()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range all {
		t.Run(of.name(), func(t *testing.T) { test(t, of) })
	}
}

func TestEveryLanguageIsBuiltIn(t *testing.T) {
	all, err := embeddedTranslations()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, of := range all {
		have = append(have, of.name())
	}
	slices.Sort(have)
	if diff := cmp.Diff(builtIn(), have); diff != "" {
		t.Error("files of locales/:", diff)
	}
	byTag, _ := conventions()
	if diff := cmp.Diff(builtIn(), slices.Sorted(maps.Keys(byTag))); diff != "" {
		t.Error("conventions.json:", diff)
	}
}

func TestEveryTranslationIsWhole(t *testing.T) {
	s := newSet(t)
	eachTranslation(t, func(t *testing.T, of *translation) {
		for _, err := range s.problems(of) {
			t.Error(err)
		}
		for _, key := range pluralKeys() {
			for n := range 1000 {
				if text := of.plural(key, n); !strings.Contains(text, fmt.Sprint(n)) && n > 2 {
					t.Fatalf("%q for %d: %q", key, n, text)
				}
			}
		}
	})
}

// A text for people is one of these. What a button or a subject can hold is counted without its values.
func kinds() map[string]int { // most characters
	return map[string]int{
		"meta": 60, "date": 8, "button": 40, "step": 20, "heading": 60, "label": 60, "state": 50, "duration": 30,
		"right": 170, "text": 340, "colon": 2, "preheader": 110,
		"subject": 78 - maxSubjectName, // RFC 5322, section 2.1.1
	}
}

type messageContext struct{ Kind, Description, Example string }

func contexts(t *testing.T) map[string]messageContext {
	t.Helper()
	raw, err := os.ReadFile("context.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]messageContext
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryMessageIsDescribedToTranslators(t *testing.T) {
	s := newSet(t)
	all := contexts(t)
	wanted := append(slices.DeleteFunc(s.keys(), isOnlyConvention), "date.first", reviewerKey)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, slices.Sorted(maps.Keys(all))); diff != "" {
		t.Error("context.json has other keys than the messages:", diff)
	}
	english := s.translation("en")
	values := strings.NewReplacer(
		"{{.Site}}", "La Gazette", "{{.Duration}}", "48 hours", "{{.Address}}", "a…@example.org",
		"{{.When}}", "21 November 2026 at 18:02 (UTC)", "{{.Start}}", "“http”", "{{.Revision}}", "3",
		"{{.Status}}", "404", "{{.Retention}}", "7 days", "{{.N}}", "2",
	)
	for key, c := range all {
		if len(c.Description) < 12 || c.Example == "" || kinds()[c.Kind] == 0 {
			t.Errorf("context.json: %q: describe it in a sentence, with an example and one of the kinds %v", key,
				slices.Sorted(maps.Keys(kinds())))
		}
		text := values.Replace(english.other(key))
		if c.Kind == "meta" || c.Kind == "date" || strings.Contains(text, "{{.") {
			continue // one of its values has no example that fits everywhere
		}
		if plain(text) != plain(c.Example) {
			t.Errorf("context.json: %q: the example is %q, but in English it is %q", key, c.Example, text)
		}
	}
}

// isOnlyConvention reports whether a message comes from the CLDR.
func isOnlyConvention(key string) bool { return slices.Contains(conventionKeys(), key) }

// plain returns a text with spaces of one kind.
func plain(text string) string {
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text)
}

// ownKeys returns the keys of the messages that a translation's file has.
func ownKeys(of *translation) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key, m := range of.messages {
			if m.own && !yield(key) {
				return
			}
		}
	}
}

func TestNoTextIsTooLongForItsPlace(t *testing.T) {
	all := contexts(t)
	eachTranslation(t, func(t *testing.T, of *translation) {
		for key := range ownKeys(of) {
			c := all[key]
			for form, text := range of.messages[key].byForm() {
				text := placeholder.ReplaceAllString(text, "")
				if n, most := utf8.RuneCountInString(text), kinds()[c.Kind]; n > most && most > 0 {
					t.Errorf("%s: %q (%s): %d characters, at most %d for a %s: %q", of.file, key, form, n, most, c.Kind,
						text)
				}
			}
		}
	})
}

// bounds is what keeps a language readable for somebody of twelve. Languages differ in how long their words are, so
// each has its own; the others have those of plain English.
type bounds struct {
	sentence int     // most words of a sentence
	mean     float64 // most words of a sentence on average
	word     int     // most characters of a word
	index    float64 // most of the readability index LIX: words of a sentence, and percent of words over six characters
}

func boundsOf(tag string) bounds {
	b := bounds{sentence: 25, mean: 10, word: 20, index: 45}
	switch tag {
	case "de", "nl", "da", "sv", "nb", "is": // compounds
		b.word, b.index = 28, 50
	case "fi", "et", "hu", "tr": // agglutinative: fewer words, longer ones
		b.sentence, b.word, b.index = 22, 28, 62
	case "bg", "cs", "hr", "lt", "lv", "pl", "sk", "sl", "uk", "el", "ro", "mt":
		b.word, b.index = 24, 55
	}
	return b
}

func TestEveryLanguageIsPlain(t *testing.T) {
	all := contexts(t)
	eachTranslation(t, func(t *testing.T, of *translation) {
		most := boundsOf(of.name())
		sentences, words, long := 0, 0, 0
		for _, key := range slices.Sorted(ownKeys(of)) {
			if kind := all[key].Kind; kind == "meta" || kind == "date" || kind == "colon" {
				continue
			}
			for _, sentence := range sentencesOf(of.other(key)) {
				in := wordsOf(sentence)
				sentences, words = sentences+1, words+len(in)
				if len(in) > most.sentence {
					t.Errorf("%s: %q: a sentence of %d words, at most %d: %q", of.file, key, len(in), most.sentence,
						sentence)
				}
				for _, w := range in {
					switch n := utf8.RuneCountInString(w); {
					case n > most.word:
						t.Errorf("%s: %q: a word of %d characters, at most %d: %q", of.file, key, n, most.word, w)
					case n > 6:
						long++
					}
				}
			}
		}
		mean := float64(words) / float64(sentences)
		if lix := mean + 100*float64(long)/float64(words); mean > most.mean || lix > most.index {
			t.Errorf("%s: %.1f words a sentence, at most %.1f; an index of %.1f, at most %.1f: use shorter words and "+
				"sentences", of.file, mean, most.mean, lix, most.index)
		} else {
			t.Logf("%.1f words a sentence, index %.1f", mean, lix)
		}
	})
}

func sentencesOf(text string) (all []string) {
	text = placeholder.ReplaceAllString(text, "X")
	for _, s := range regexp.MustCompile(`[.!?:…;؟؛]+\s*`).Split(plain(text), -1) {
		if len(wordsOf(s)) > 0 {
			all = append(all, s)
		}
	}
	return all
}

func wordsOf(sentence string) []string {
	return strings.FieldsFunc(sentence, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("’'-‑·״׳", r)
	})
}

// Quotation marks are added where there are some, and an apostrophe is a curled one.
func TestNoTextHasQuotationMarksOfItsOwn(t *testing.T) {
	eachTranslation(t, func(t *testing.T, of *translation) {
		for key := range ownKeys(of) {
			for _, text := range of.messages[key].byForm() {
				if at := strings.IndexAny(text, "\"'«»‹›„“”‚‘‟"); at >= 0 {
					r, _ := utf8.DecodeRuneInString(text[at:])
					t.Errorf("%s: %q has %q: %q", of.file, key, r, text)
				}
				if strings.Contains(text, "({{.When}})") {
					t.Errorf("%s: %q puts a moment into brackets, although it ends in some: %q", of.file, key, text)
				}
				if strings.Contains(text, "...") || strings.Contains(text, "  ") {
					t.Errorf("%s: %q has three dots or two spaces: %q", of.file, key, text)
				}
			}
		}
	})
}

// intlTable is what the Intl of some version of Node.js says: see cldr/intl.mjs.
type intlTable struct {
	CLDR      string
	Days      []int64
	Languages map[string]struct {
		Moments, Lists, Forms, Plurals []string
	}
}

func intl(t *testing.T) intlTable {
	t.Helper()
	f, err := os.Open("testdata/intl.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var table intlTable
	if err := json.NewDecoder(z).Decode(&table); err != nil {
		t.Fatal(err)
	}
	return table
}

// TestLanguagesWriteAsTheCLDRSays holds dates, lists and plurals against Node's Intl. One thing is otherwise: in French
// the first day of a month is the "1er", which the CLDR does not have.
func TestLanguagesWriteAsTheCLDRSays(t *testing.T) {
	table := intl(t)
	byTag, version := conventions()
	if !strings.HasPrefix(version, table.CLDR) || len(table.Days) != 366 {
		t.Fatalf("the table has %d days and is of CLDR %s, the conventions of %s: make both anew", len(table.Days),
			table.CLDR, version)
	}
	for _, tag := range builtIn() {
		t.Run(tag, func(t *testing.T) {
			want := table.Languages[tag]
			// So a language is held before it has a file.
			names := map[string]string{}
			for _, form := range want.Forms {
				names[form] = form
			}
			file, err := json.Marshal(map[string]any{"n": names})
			if err != nil {
				t.Fatal(err)
			}
			of, err := readTranslation(tag+".json", file)
			if err != nil {
				t.Fatal(err)
			}
			if all := newSet(t); tag == "fr" {
				of.messages["date.first"] = all.translation("fr").messages["date.first"]
			}
			for i, ms := range table.Days {
				at := time.UnixMilli(ms)
				expected := want.Moments[i] + " (UTC)"
				if tag == "fr" && at.UTC().Day() == 1 {
					expected = strings.Replace(expected, "1 ", "1er ", 1)
				}
				if got, err := of.moment(at, nil); err != nil || got != expected {
					t.Fatalf("%v: %q, %v; want %q", at.UTC(), got, err, expected)
				}
			}
			for i, expected := range want.Lists {
				if got := of.list([]string{"A", "B", "C", "D"}[:i+1]...); got != expected {
					t.Errorf("the list %q, want %q", got, expected)
				}
			}
			forms := of.forms()
			slices.Sort(forms)
			if diff := cmp.Diff(want.Forms, forms); diff != "" {
				t.Error("plural forms:", diff)
			}
			for n, expected := range want.Plurals {
				if got := of.plural("n", n); got != expected {
					t.Errorf("%d has the form %q; want %q", n, got, expected)
				}
			}
			if of.quote("x") == "x" || byTag[tag]["quote.open"] == "" {
				t.Error("no quotation marks")
			}
		})
	}
}

// Node's own answer today, if it is of the same version.
func TestTheTableIsWhatNodeSays(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("OPTIN_TEST_ALL") != "" {
			t.Fatal("node is not installed")
		}
		t.Skip("node is not installed")
	}
	out, err := exec.CommandContext(t.Context(), node, "cldr/intl.mjs").Output()
	if err != nil {
		t.Fatal(err)
	}
	var now intlTable
	if err := json.Unmarshal(out, &now); err != nil {
		t.Fatal(err)
	}
	table := intl(t)
	if now.CLDR != table.CLDR {
		t.Skipf("this Node.js has CLDR %s, the table is of %s", now.CLDR, table.CLDR)
	}
	if diff := cmp.Diff(table, now); diff != "" {
		t.Error(diff)
	}
}

func TestListsInSpanishAndHebrewFitTheNextWord(t *testing.T) {
	for _, row := range []struct{ tag, first, second, want string }{
		{"es", "Ana", "Inés", "Ana e Inés"},
		{"es", "madre", "hija", "madre e hija"},
		{"es", "agua", "hielo", "agua y hielo"},
		{"he", "דן", "רות", "דן ורות"},
		{"he", "2 ימים", "12 שעות", "2 ימים ו-12 שעות"},
	} {
		of, err := readTranslation(row.tag+".json", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := of.list(row.first, row.second); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

// madeUp is a language that nobody has heard of, with words that are English ones in capitals.
func madeUp(t *testing.T, change func(map[string]any)) []byte {
	t.Helper()
	words := map[string]any{}
	english := newSet(t).translation("en")
	for key, m := range english.messages {
		text := placeholder.ReplaceAllStringFunc(m.other, func(p string) string { return "\x00" + p + "\x00" })
		parts := strings.Split(text, "\x00")
		for i := 0; i < len(parts); i += 2 {
			parts[i] = strings.ToUpper(parts[i])
		}
		words[key] = strings.Join(parts, "")
	}
	words["plural.forms"], words["language.dir"], words[stateKey] = "other", "rtl", "unreviewed"
	words["error.email_invalid"] = "NAME@example.org"
	delete(words, reviewerKey)
	if change != nil {
		change(words)
	}
	raw, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestALanguageIsOneFile(t *testing.T) {
	s := newSet(t)
	for _, tag := range []string{"tlh", "qaa"} { // one that is known but has no plural rules, and one for private use
		if _, err := language.Parse(tag); err != nil {
			t.Fatal(err)
		}
		of, err := readTranslation(tag+".json", madeUp(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		if errs := s.problems(of); len(errs) > 0 {
			t.Fatal(errs)
		}
		more, err := build(append(slices.Clone(s.translations), of))
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range more.Canned(tag) {
			if sample.Page != nil {
				html := renderPage(t, more, tag, sample.Page)
				if !strings.Contains(html, `<html lang="`+tag+`" dir="rtl">`) {
					t.Fatalf("%s: %s", sample.Name, html[:200])
				}
				continue
			}
			if m := renderEmail(t, more, tag, sample.Email); !strings.Contains(m.Text, " AT 18:02 (UTC)") {
				t.Errorf("%s: %s", sample.Name, m.Text)
			}
		}
	}
}

func TestWhatIsWrongWithALanguageIsNamed(t *testing.T) {
	s := newSet(t)
	for want, change := range map[string]func(map[string]any){
		`tlh.json: "confirm.heading" is missing; in English it is "One click left"`: func(m map[string]any) {
			delete(m, "confirm.heading")
		},
		`tlh.json: "date.month.12" is missing`: func(m map[string]any) { delete(m, "date.month.12") },
		`tlh.json: "confirm.headnig" is not a message of optin`: func(m map[string]any) {
			m["confirm.headnig"] = "x"
		},
		`tlh.json: "duration.day" has no text in the plural form "one"`: func(m map[string]any) {
			m["plural.forms"] = "one other"
			m["duration.hour"] = map[string]any{"one": "1 {{.N}}", "other": "{{.N}}"}
			m["duration.minute"], m["duration.second"] = m["duration.hour"], m["duration.hour"]
		},
		`tlh.json: "duration.day" has the plural form "few", which it does not need`: func(m map[string]any) {
			m["duration.day"] = map[string]any{"few": "{{.N}}", "other": "{{.N}}"}
		},
		`tlh.json: "sent.ttl" must have the same values as in English: {{.Duration}}, not {{.Durations}}`: func(
			m map[string]any) {
			m["sent.ttl"] = "X {{.Durations}}"
		},
		`tlh.json: "sent.lead" must have the same values as in English: {{.Site}}, not none`: func(m map[string]any) {
			m["sent.lead"] = "X"
		},
		`tlh.json: "sent.lead" may not have the character '<'`: func(m map[string]any) {
			m["sent.lead"] = "{{.Site}} <b>X</b>"
		},
		`tlh.json: "sent.nothing" may not have the character '{'`: func(m map[string]any) {
			m["sent.nothing"] = "{{env}}"
		},
		`tlh.json: "sent.nothing" may not have the character '\u202e'`: func(m map[string]any) {
			m["sent.nothing"] = "\u202e"
		},
		`tlh.json: "sent.nothing" may not have a link or an address of its own, such as "https:"`: func(
			m map[string]any) {
			m["sent.nothing"] = "SEE https://evil.example"
		},
		`tlh.json: "sent.nothing" may not have a link or an address of its own, such as "e@e"`: func(m map[string]any) {
			m["sent.nothing"] = "eve@evil.test"
		},
		`tlh.json: "sent.nothing" begins or ends with a space`: func(m map[string]any) { m["sent.nothing"] = "X " },
		`tlh.json: "language.dir" must be ltr or rtl`:          func(m map[string]any) { m["language.dir"] = "up" },
		`tlh.json: "language.state" must be reviewed`:          func(m map[string]any) { m[stateKey] = "reviewed" },
		`tlh.json: "date.moment" cannot be used`:               func(m map[string]any) { m["date.moment"] = "'" },
		`tlh.json: "date.moment" must have the value {{.Minute}}`: func(m map[string]any) {
			m["date.moment"] = "{{.Day}} {{.Month}} {{.Year}} {{.Hour}}"
		},
		`tlh.json: "city.Europe/Paris" may have no signs but`: func(m map[string]any) {
			m["city.Europe/Paris"] = "Ville d'Art"
		},
	} {
		of, err := readTranslation("tlh.json", madeUp(t, change))
		if err != nil {
			t.Fatal(err)
		}
		errs := s.problems(of)
		if !slices.ContainsFunc(errs, func(e error) bool { return strings.HasPrefix(e.Error(), want) }) {
			t.Errorf("want %s, not %v", want, errs)
		}
		more, err := build(append(slices.Clone(s.translations), of))
		if err != nil || slices.Contains(more.Languages(), "tlh") {
			t.Errorf("%s: offered all the same (%v)", want, err)
		}
	}
}

func TestWhatIsNoLanguageIsRefused(t *testing.T) {
	for name, files := range map[string]map[string][]byte{
		"English is missing":      {"fr.json": []byte(`{}`)},
		"not JSON":                {"en.json": []byte(`{`)},
		"not a language":          {"en.json": []byte(`{}`), "notes on it.json": []byte(`{}`)},
		"a list":                  {"en.json": []byte(`{"sent.lead": ["x"]}`)},
		"a number":                {"en.json": []byte(`{"sent.lead": 1}`)},
		"an unknown plural form":  {"en.json": []byte(`{"duration.day": {"some": "x"}}`)},
		"a plural form as a list": {"en.json": []byte(`{"duration.day": {"one": []}}`)},
	} {
		if _, err := readTranslations(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What nobody vouches for is said to be so, and only English and French were read by us.
func TestOnlyWhatWasReadIsReviewed(t *testing.T) {
	eachTranslation(t, func(t *testing.T, of *translation) {
		if want := of.name() == "en" || of.name() == "fr"; of.isReviewed() != want && of.other(reviewerKey) == "" {
			t.Errorf("reviewed: %t, by nobody", of.isReviewed())
		}
	})
}
