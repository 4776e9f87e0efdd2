package templates

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// executeTemplates renders an email by its templates alone.
func executeTemplates(t rapid.TB, s *Set, lang string, l Email) RenderedEmail {
	values, err := l.values(s.translation(lang))
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.execute(s.translation(lang), l, values)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// cachedSkeleton returns the skeleton of an email that was rendered.
func cachedSkeleton(s *Set, lang string, l Email) (m *skeleton, known bool) {
	return s.skeletons.get(l.appendKey(appendText(nil, lang, l.name())))
}

// anyText generates names and texts, among them hostile ones. There are few, so that emails occur that differ in one of
// them only.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{
		"", " ", "La Gazette", "La Gazette SAS", "https://gazette.example", "javascript:alert(1)",
		"<script>alert(1)</script>",
		`" onload=x '`, "{{.Site.Name}}", "a\r\nBcc: x@y.example", "\u202eright to left", "אבג דהו", "\xff\xfe\x00",
		"\u2028- x", "&amp;", "a+b=c", "- item",
		"  - item", strings.Repeat("long ", 1000), strings.Repeat("é", 300), markers("mark", 5, 2)[0],
		markers("mark", 5, 2)[2], markers("mark", 3, 1)[1],
		markers("proof", 5, 2)[0], markers("proof", 5, 2)[2], "mark 2 ", "https://mark.invalid/0/",
	}), rapid.String())
}

func anyLink() *rapid.Generator[string] {
	tail := rapid.StringOfN(rapid.RuneFrom([]rune(alphanumeric+linkPunctuation)), 0, 300, 300)
	return rapid.OneOf(
		rapid.Map(tail, func(s string) string { return "https://c.example/c/" + s }),
		rapid.SampledFrom([]string{
			"http://c.example/", "https://c.example/?a=b&c=d", "https://c.example/(a)+%20", "https://c.example/?%zz",
			"HTTPS://c.example/x", "hTTp://c.example/",
			"https://[::1]/x", markers("mark", 5, 2)[0], markers("proof", 5, 2)[1],
			"https://c.example/" + strings.Repeat("x", maxLink-18),
		}),
	)
}

func anyMoment() *rapid.Generator[time.Time] {
	return rapid.OneOf(
		rapid.Just(time.Time{}),
		rapid.Map(rapid.Int64Range(-1<<36, 1<<38), func(n int64) time.Time { return time.Unix(n, 0) }),
		rapid.Map(rapid.IntRange(0, 100), func(n int) time.Time {
			return cannedAsked().Add(time.Duration(n) * time.Hour)
		}),
	)
}

func anySite(t *rapid.T) Site {
	text := func(name string) string { return anyText().Draw(t, name) }
	return Site{ID: text("id"), Name: text("name"), URL: text("URL"), Controller: Controller{
		Name: text("controller"), Address: text("address"), Contact: text("contact"), PrivacyURL: text("notice")}}
}

func anyPurposes(t *rapid.T) []Purpose {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Purpose {
		return Purpose{
			Text:  anyText().Draw(t, "text"),
			Lang:  rapid.SampledFrom([]string{"", "fr", "x\"y", "en;q=0"}).Draw(t, "lang"),
			State: rapid.SampledFrom([]string{"", "confirmed", "<b>"}).Draw(t, "state"),
			Since: anyMoment().Draw(t, "since"),
		}
	}), 0, 4).Draw(t, "purposes")
}

func TestAFilledInEmailIsTheSameAsOneFromItsTemplates(t *testing.T) {
	s := newSet(t)
	filled := 0
	rapid.Check(t, func(t *rapid.T) {
		lang, site, purposes := rapid.SampledFrom(s.Languages()).Draw(t, "language"), anySite(t), anyPurposes(t)
		flags := [2]bool{rapid.Bool().Draw(t, "reminder"), rapid.Bool().Draw(t, "reminds")}
		for range 3 { // several people: the first makes the skeleton
			for i := range purposes {
				if !purposes[i].Since.IsZero() {
					purposes[i].Since = anyMoment().Draw(t, "since")
				}
			}
			asked := anyMoment().Draw(t, "asked")
			for _, l := range []Email{
				ConfirmEmail{Site: site, Purposes: purposes, Asked: asked, Deadline: anyMoment().Draw(t, "deadline"),
					Reminder: flags[0], Reminds: flags[1], ConfirmURL: anyLink().Draw(t, "confirm"),
					DeclineURL: anyLink().Draw(t, "decline")},
				KnownEmail{
					Site: site, Purposes: purposes, Asked: asked,
					UnsubscribeURL: anyLink().Draw(t, "unsubscribe"),
				},
			} {
				m, err := s.Email(lang, l)
				if err != nil {
					continue // a link that no email accepts
				}
				if diff := cmp.Diff(executeTemplates(t, s, lang, l), m); diff != "" {
					t.Fatal(diff)
				}
				if made, _ := cachedSkeleton(s, lang, l); made != nil {
					filled++
				}
			}
		}
	})
	if filled == 0 {
		t.Error("no email was filled in")
	}
}

// A skeleton cut at such a name would be right for the first email, by chance, and wrong for the next.
func TestANameThatReadsLikeAMarkerIsNotTakenForOne(t *testing.T) {
	s := newSet(t)
	for _, name := range []string{"mark", "proof"} {
		for i, mark := range markers(name, 5, 2) {
			site := Site{Controller: Controller{Name: mark, Address: mark}}
			l := ConfirmEmail{Site: site, ConfirmURL: "https://c.example/c", DeclineURL: "https://c.example/d"}
			if i == 0 {
				l.ConfirmURL = mark
			}
			for range 2 {
				if diff := cmp.Diff(executeTemplates(t, s, "en", l), renderEmail(t, s, "en", l)); diff != "" {
					t.Errorf("%s: %s", mark, diff)
				}
				l.ConfirmURL += "x"
			}
		}
	}
}

func TestEveryCannedEmailHasASkeleton(t *testing.T) {
	s := newSet(t)
	for _, lang := range s.Languages() {
		for _, c := range s.cannedEmails(lang) {
			renderEmail(t, s, lang, c.Email)
			if m, _ := cachedSkeleton(s, lang, c.Email); m == nil {
				t.Errorf("%s in %s has none", c.Name, lang)
			}
		}
	}
}

func TestAnEmailWhoseTemplateEscapesOrReadsAValueHasNoSkeleton(t *testing.T) {
	for markup, want := range map[string]bool{
		`<p>{{.Asked}} {{.ConfirmURL}}</p>`: true, `<p title="{{.Asked}}">`: true, `<a href="{{.ConfirmURL}}">`: true,
		`<a href="/?{{.Asked}}">`: false, `<p title={{.Asked}}>`: false, `<p title={{.ConfirmURL}}>`: false,
		`<p onclick="go({{.Asked}})">`: false, `<p onclick="go({{.ConfirmURL}})">`: true,
		`<a href="/?{{.ConfirmURL}}">`: false, `<p style="width: {{.Asked}}">`: false,
		`<script>{{.ConfirmURL}}</script>`: true, `<script>{{.Asked}}</script>`: false,
		`<p>{{len .Asked}}</p>`: false, `<p>{{if eq .ConfirmURL "https://c.example/c"}}x{{end}}</p>`: false,
		`<p>{{slice .Asked 0 5}}</p>`: false,
	} {
		files := copyOf(t)
		files["emails/confirm.html"].Data = []byte(
			`{{define "preheader"}}{{end}}{{define "main"}}` + markup + `{{end}}`)
		s, err := build(files)
		if s == nil {
			t.Fatal(err) // a set that only has unused messages is good enough here
		}
		l := ConfirmEmail{Asked: cannedAsked(), ConfirmURL: "https://c.example/c", DeclineURL: "https://c.example/d"}
		for range 2 {
			if diff := cmp.Diff(executeTemplates(t, s, "en", l), renderEmail(t, s, "en", l)); diff != "" {
				t.Errorf("%s: %s", markup, diff)
			}
			if m, known := cachedSkeleton(s, "en", l); !known || (m != nil) != want {
				t.Errorf("%s has a skeleton: %v", markup, m != nil)
			}
			l.Asked = l.Asked.AddDate(0, 5, 0)
		}
	}
}

func TestEmailsThatDifferInOneValueShareNoSkeleton(t *testing.T) {
	s := newSet(t)
	for _, c := range s.cannedEmails("en") {
		renderEmail(t, s, "en", c.Email)
		for name, other := range variants(c.Email) {
			if diff := cmp.Diff(executeTemplates(t, s, "en", other), renderEmail(t, s, "en", other)); diff != "" {
				t.Errorf("%s with another %s: %s", c.Name, name, diff)
			}
		}
	}
}

// variants returns emails that differ from l in one field, by the name of that field.
func variants(l Email) map[string]Email {
	all := map[string]Email{}
	var walk func(name string, field func(root reflect.Value) reflect.Value)
	walk = func(name string, field func(root reflect.Value) reflect.Value) {
		root := reflect.New(reflect.TypeOf(l)).Elem()
		root.Set(reflect.ValueOf(l))
		if p := root.FieldByName("Purposes"); p.Len() > 0 {
			p.Set(reflect.ValueOf(slices.Clone(p.Interface().([]Purpose))))
		}
		v := field(root)
		switch v := v.Interface().(type) {
		case string:
			field(root).SetString(map[bool]string{true: "oc", false: v + "x"}[strings.HasSuffix(name, ".Lang")])
		case bool:
			field(root).SetBool(!v)
		case time.Time:
			field(root).Set(reflect.ValueOf(map[bool]time.Time{true: cannedAsked()}[v.IsZero()]))
		case []Purpose:
			for i := range v {
				walk(fmt.Sprintf("%s[%d]", name, i), func(root reflect.Value) reflect.Value {
					return field(root).Index(i)
				})
			}
			field(root).Set(reflect.ValueOf(append(v, v[0])))
		default:
			for i := range field(root).NumField() {
				walk(name+"."+field(root).Type().Field(i).Name,
					func(root reflect.Value) reflect.Value { return field(root).Field(i) })
			}
			return
		}
		all[name] = root.Interface().(Email)
	}
	walk("", func(root reflect.Value) reflect.Value { return root })
	return all
}

func TestTheSkeletonCacheHasABound(t *testing.T) {
	var cache skeletonCache
	for i := range 3 * maxSkeletons {
		key := fmt.Append(nil, i)
		cache.put(key, &skeleton{})
		if _, known := cache.get(key); !known || len(cache.byKey) > maxSkeletons {
			t.Fatalf("%d are cached, the last one among them: %v", len(cache.byKey), known)
		}
	}
	s, l := newSet(t), KnownEmail{UnsubscribeURL: "https://c.example/"}
	for range maxSkeletonKey / 100 {
		l.Purposes = append(l.Purposes, Purpose{Text: strings.Repeat("x", 100)})
	}
	if diff := cmp.Diff(executeTemplates(t, s, "en", l), renderEmail(t, s, "en", l)); diff != "" ||
		len(s.skeletons.byKey) != 0 {
		t.Errorf("the skeleton of an email of %d bytes is cached: %d %s", maxSkeletonKey, len(s.skeletons.byKey), diff)
	}
	l.Purposes = slices.Repeat([]Purpose{{Text: "<<<<<<<<"}}, 400)
	for range 2 {
		if diff := cmp.Diff(executeTemplates(t, s, "en", l), renderEmail(t, s, "en", l)); diff != "" {
			t.Error(diff)
		}
		if m, known := cachedSkeleton(s, "en", l); m != nil || !known {
			t.Error("a skeleton that is too large is cached")
		}
	}
}

func TestEmailsRenderedAtTheSameTimeDoNotMix(t *testing.T) {
	s := newSet(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 30 {
				l := s.cannedEmails("en")[0].Email.(ConfirmEmail)
				l.Site.Name = fmt.Sprintf("Site %d", n)
				l.ConfirmURL = fmt.Sprintf("https://c.example/%d/%d", i, n)
				m, err := s.Email("en", l)
				if err != nil || linkLines(m.Text)[0] != l.ConfirmURL || !strings.HasSuffix(m.Subject, l.Site.Name) {
					t.Errorf("%q, %q, %v", m.Subject, linkLines(m.Text), err)
				}
			}
		})
	}
	all.Wait()
}

func TestOnlyValuesThatNeedNoEscapingAreFilledIn(t *testing.T) {
	for _, value := range []string{"https://c.example/c/a-b_c.D~9?x=y;z,1!2@3*$#4", "http://c.example"} {
		if !canFill([]string{value}, 1) {
			t.Errorf("%q is refused as a link", value)
		}
	}
	for _, value := range []string{"21\u00a0novembre 2026 à 18\u00a0h\u00a002 (UTC)", "1/2/26, 7:00", "二〇二六年", "x"} {
		if !canFill([]string{value}, 0) {
			t.Errorf("%q is refused as a moment", value)
		}
	}
	for _, value := range []string{"HTTPS://c.example", "mailto:a@b.example", "//c.example", "/c", "",
		"https://c.example/é", "https://c.example/\u00a0"} {
		if canFill([]string{value}, 1) {
			t.Errorf("%q is accepted as a link", value)
		}
	}
	for _, char := range "&+%()[]'\"<>\\^`{|} \n\r\t\x00\x7f" {
		if canFill([]string{"https://c.example/" + string(char) + "x"}, 1) {
			t.Errorf("%q is accepted in a link", char)
		}
	}
	for _, char := range "&+%'\"<>\\^`{|}=\n\r\t\x00\x7f" {
		if canFill([]string{"https://c.example", "x" + string(char) + "x"}, 1) {
			t.Errorf("%q is accepted in a moment", char)
		}
	}
	for _, value := range []string{"", " x", "x ", "\u00a0x", "\xff", "x\xc3"} {
		if canFill([]string{value}, 0) {
			t.Errorf("%q is accepted as a moment", value)
		}
	}
}
