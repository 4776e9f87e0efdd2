package templates

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/optin/optin/internal/theme"
)

// What mail programs know of HTML and CSS is in testdata/caniemail.json, of the version that it names. To make it
// again, with Node.js and network:
//
//go:generate npm ci --prefix caniemail --silent
//go:generate node caniemail/generate.mjs

// support is which features the mail programs know: one letter for each, y for yes, a for almost, n for no, u for
// unknown.
type support struct {
	Source, Version, Updated string
	Clients                  []string
	Features                 map[string]string
}

func readSupport(t *testing.T) (s support) {
	t.Helper()
	b, err := os.ReadFile("testdata/caniemail.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Clients) < 20 || len(s.Features) < 250 || s.Version == "" || s.Updated == "" {
		t.Fatalf("%d clients, %d features, version %q of %q", len(s.Clients), len(s.Features), s.Version, s.Updated)
	}
	return s
}

// without returns the clients that answer this for a feature.
func (s support) without(feature string, answer byte) (all []string) {
	for i, c := range s.Clients {
		if s.Features[feature][i] == answer {
			all = append(all, c)
		}
	}
	return all
}

// unasked is what emails use and caniemail.com does not ask for, since every mail program knows it, or since nothing is
// lost without it.
func unasked() []string {
	return []string{
		"element html", "element head", "element title", "element meta", "element br", "element a", "element b",
		"attribute class", "attribute style", "attribute href", "attribute src", "attribute alt", "attribute border",
		"attribute content", "attribute charset", "attribute name", "attribute bgcolor",
		"property color", "property font-family", "property font-style",
		"property mso-hide", // Outlook's own
	}
}

// exception is what some mail programs do not know, or almost, and emails use all the same.
type exception struct {
	none string // those that do not know it at all
	why  string // nothing is lost
}

func exceptions() map[string]exception {
	const (
		german  = "gmx desktop-webmail, web-de desktop-webmail"
		germans = "gmx desktop-webmail, gmx android, web-de desktop-webmail, web-de android"
		gmail   = "gmail desktop-webmail, gmail ios, gmail android"
		yahoo   = "yahoo desktop-webmail, yahoo ios, yahoo android"
		sheet   = "only the dark accent of the button is in the style sheet; without it the light one stands, whose " +
			"contrast holds on dark and inverted (theme.TestEveryButtonOfAnEmailIsReadableHoweverItIsShown)"
		simple  = "the values that are lacking are not used: only px, bold, one colour, block, inline-block and none"
		preview = "only hides the preheader, together with display:none"
		spoken  = "for screen readers; read as a plain table, or in the reader's own voice, without it"
	)
	return map[string]exception{
		"html-style":   {german, sheet},
		"css-at-media": {"outlook windows, thunderbird macos", sheet},
		"css-at-media-prefers-color-scheme": {gmail + ", outlook windows, " + yahoo +
			", thunderbird macos, protonmail desktop-webmail, " + german, sheet},
		"css-important":           {german + ", orange desktop-webmail", sheet},
		"css-selector-attribute":  {"outlook windows, protonmail desktop-webmail, " + german, sheet},
		"css-selector-class":      {"protonmail desktop-webmail", sheet},
		"css-selector-descendant": {"protonmail desktop-webmail", sheet},
		"css-selector-grouping":   {"protonmail desktop-webmail", sheet},
		"html-meta-color-scheme": {"apple-mail ios, " + gmail + ", outlook windows, " +
			"outlook macos, outlook outlook-com, outlook ios, outlook android, " + yahoo +
			", samsung-email android, protonmail desktop-webmail, " + german,
			"they have a dark mode of their own, or none"},
		"css-background":      {"", simple},
		"css-display":         {"", simple},
		"css-display-none":    {"", "Outlook for Windows takes mso-hide"},
		"css-font-size":       {"", simple},
		"css-font-weight":     {"", simple},
		"css-text-decoration": {"", simple},
		"css-margin":          {"", "only of paragraphs, and none is negative or auto"},
		"css-padding":         {"", "only of cells, and of the button's link, which Outlook for Windows shows small"},
		"css-border":          {"", "of 1 and 3 px"},
		"css-border-radius":   {"outlook windows, " + german + ", orange desktop-webmail", "the corners are square"},
		"css-line-height":     {"", "lines are a little higher"},
		"css-max-height":      {"outlook windows", preview},
		"css-overflow":        {"outlook windows", preview},
		"css-max-width":       {"", "the table has width=520 for Outlook for Windows"},
		"css-width":           {"", "only of tables and cells"},
		"css-height":          {yahoo, "of the line between two purposes and of the logo, which has the attribute"},
		"css-word-break":      {yahoo + ", " + germans, "a long link goes over the edge; it can be pressed"},
		"html-align":          {"", "only of cells and of the table that centres"},
		"html-body":           {"outlook macos, yahoo ios, yahoo android, protonmail desktop-webmail", "no look"},
		"html-dir":            {german, "lines begin at the right by align, and characters isolate values in a text"},
		"html-lang":           {germans + ", orange desktop-webmail", spoken},
		"html-role":           {germans + ", orange desktop-webmail", spoken},
		"html-height":         {"", "only of the logo, in px"},
		"html-width":          {"", "only of tables"},
	}
}

// uses returns what an email uses, by the names of caniemail.com; where that has none, by what it is.
func uses(s support, doc *goquery.Document) map[string]bool {
	all := map[string]bool{}
	add := func(what, name, feature string) {
		if s.Features[feature] == "" {
			feature = what + " " + name
		}
		all[feature] = true
	}
	for _, n := range doc.Find("*").Nodes {
		add("element", n.Data, elementFeature(n))
		for _, a := range n.Attr {
			if a.Key == "style" {
				declarations(a.Val, add)
			}
			if n.Data != "meta" {
				add("attribute", a.Key, "html-"+a.Key)
			}
		}
	}
	sheet := doc.Find("style").Text()
	for _, m := range regexp.MustCompile(`@media \(([a-z-]+)`).FindAllStringSubmatch(sheet, -1) {
		add("media", "", "css-at-media")
		add("media", m[1], "css-at-media-"+m[1])
	}
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(sheet, -1) {
		for sign, feature := range map[string]string{".": "class", "[": "attribute", " ": "descendant", ",": "grouping",
			">": "child", "+": "adjacent-sibling", "~": "general-sibling", "#": "id", "*": "universal"} {
			if strings.Contains(strings.TrimSpace(m[1]), sign) {
				add("selector", sign, "css-selector-"+feature)
			}
		}
		declarations(m[2], add)
	}
	return all
}

func elementFeature(n *html.Node) string {
	switch n.Data {
	case "tr", "td", "th", "tbody":
		return "html-table"
	case "h1", "h2", "h3":
		return "html-h1-h6"
	case "ul", "ol", "li":
		return "html-lists"
	case "meta":
		for _, a := range n.Attr {
			if a.Key == "name" {
				return "html-meta-" + a.Val
			}
		}
	}
	return "html-" + n.Data
}

// declarations adds the properties, values and units of a style.
func declarations(style string, add func(what, name, feature string)) {
	for d := range strings.SplitSeq(style, ";") {
		property, value, ok := strings.Cut(strings.TrimSpace(d), ":")
		if !ok {
			continue
		}
		add("property", property, propertyFeature(property, value))
		if strings.Contains(value, "!important") {
			add("value", "!important", "css-important")
		}
		for _, m := range regexp.MustCompile(`\d(px|em|rem|%|pt|vw|vh)`).FindAllStringSubmatch(value, -1) {
			add("unit", m[1], "css-unit-"+strings.ReplaceAll(m[1], "%", "percent"))
		}
		if f := regexp.MustCompile(`\b([a-z-]+)\(`).FindStringSubmatch(value); f != nil {
			add("function", f[1], "css-function-"+f[1])
		}
	}
}

// propertyFeature returns the feature of a property: with a side, that of all sides.
func propertyFeature(property, value string) string {
	if property == "display" && slices.Contains([]string{"none", "flex", "grid"}, value) {
		return "css-display-" + value
	}
	front, _, sided := strings.Cut(property, "-")
	if sided && slices.Contains([]string{"border", "padding", "margin"}, front) && property != "border-radius" {
		return "css-" + front
	}
	return "css-" + property
}

// What an email uses is known to the mail programs that most people use, or is an exception with a reason. An exception
// that is none any more is named, too.
func TestMailProgramsKnowWhatEmailsUse(t *testing.T) {
	s := readSupport(t)
	used := map[string]bool{}
	eachSample(t, nil, func(t *testing.T, _ string, _ Email, m RenderedEmail) {
		maps.Copy(used, uses(s, parsed(t, m.HTML)))
	})
	th := theme.Default()
	th.EmailLogo = &theme.Logo{Bytes: []byte("x"), Media: "image/png"}
	looks := th.Email()
	set := newSet(t)
	confirm := ConfirmEmail{Site: cannedSite(set), Purposes: cannedPurposes(set, "en"), Asked: cannedAsked(),
		Deadline: cannedAsked(), ConfirmURL: "https://confirm.example/c/a", DeclineURL: "https://confirm.example/c/b"}
	confirm.Site.Looks = &looks
	m, err := set.Email("en", confirm)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(used, uses(s, parsed(t, m.HTML)))

	got := map[string]exception{}
	for _, feature := range slices.Sorted(maps.Keys(used)) {
		switch {
		case s.Features[feature] == "":
			if !slices.Contains(unasked(), feature) {
				t.Errorf("nobody has looked whether mail programs know this: %s", feature)
			}
		case s.without(feature, 'n') != nil || s.without(feature, 'a') != nil:
			got[feature] = exception{strings.Join(s.without(feature, 'n'), ", "), exceptions()[feature].why}
		}
	}
	if d := cmp.Diff(exceptions(), got, cmp.AllowUnexported(exception{})); d != "" {
		t.Errorf("what the data says (+) is not what was weighed (-):\n%s", d)
	}
}
