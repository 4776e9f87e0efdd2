package templates

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sharedSet is one for all tests: each language's templates are parsed once.
var sharedSet = sync.OnceValues(New)

func newSet(t testing.TB) *Set {
	t.Helper()
	s, err := sharedSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func renderPage(t testing.TB, s *Set, locale string, p Page) string {
	t.Helper()
	var b strings.Builder
	if err := s.Page(&b, locale, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func renderEmail(t testing.TB, s *Set, locale string, l Email) RenderedEmail {
	t.Helper()
	m, err := s.Email(locale, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// eachSample runs the functions on every canned page and email in every language.
func eachSample(
	t *testing.T,
	pages func(t *testing.T, lang, name, html string),
	emails func(t *testing.T, lang string, l Email, m RenderedEmail),
) {
	s := newSet(t)
	for _, lang := range s.Languages() {
		for _, sample := range s.Canned(lang) {
			t.Run(lang+"/"+sample.Name, func(t *testing.T) {
				switch {
				case sample.Page != nil && pages != nil:
					pages(t, lang, sample.Name, renderPage(t, s, lang, sample.Page))
				case sample.Email != nil && emails != nil:
					emails(t, lang, sample.Email, renderEmail(t, s, lang, sample.Email))
				}
			})
		}
	}
}

func TestEveryPageAndEmailIsCannedUnderItsOwnName(t *testing.T) {
	s := newSet(t)
	var names, pages, emails []string
	for _, sample := range s.Canned("en") {
		names = append(names, sample.Name)
		if (sample.Page == nil) == (sample.Email == nil) {
			t.Errorf("%s is not exactly one of page and email", sample.Name)
		}
		if sample.Page != nil {
			pages = append(pages, sample.Page.name())
		} else {
			emails = append(emails, sample.Email.name())
		}
	}
	slices.Sort(names)
	if got := slices.Compact(slices.Clone(names)); len(got) != len(names) {
		t.Errorf("a name comes twice: %v", names)
	}
	slices.Sort(pages)
	if diff := cmp.Diff(pageNames(), slices.Compact(pages)); diff != "" {
		t.Error("pages:", diff)
	}
	slices.Sort(emails)
	if diff := cmp.Diff(emailNames(), slices.Compact(emails)); diff != "" {
		t.Error("emails:", diff)
	}
}

func TestFrenchMessagesHaveFrenchTypography(t *testing.T) {
	// A plain space before a high punctuation mark may break the line; a straight apostrophe is a typewriter's.
	wrong := regexp.MustCompile(`[ \x{a0}][:;!?»]|« |[^\s\x{202f}][;!?»]|'|"`)
	for id, m := range newSet(t).translation("fr").messages {
		for _, text := range m.byForm() {
			if found := wrong.FindString(text); found != "" {
				t.Errorf("%q: %q in %q", id, found, text)
			}
		}
	}
}

type failing struct{ written int }

func (f *failing) Write(p []byte) (int, error) { f.written += len(p); return 0, errors.New("gone") }

func TestAPageThatCannotBeRenderedWritesNothing(t *testing.T) {
	s := newSet(t)
	for _, action := range []string{"", "https://evil.example/", "//evil.example", "/\\evil.example",
		"javascript:alert(1)", "c/x", "/\t/evil.example", "/ x"} {
		w := &failing{}
		if err := s.Page(w, "en", Decline{DeclineAction: action}); err == nil || w.written > 0 {
			t.Errorf("action %q: error %v, %d bytes written", action, err, w.written)
		}
	}
	if err := s.Page(&failing{}, "en", Decline{DeclineAction: "/c/x/decline"}); err == nil || err.Error() != "gone" {
		t.Errorf("the writer's own error became %v", err)
	}
}
