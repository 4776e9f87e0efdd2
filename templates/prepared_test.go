package templates

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// variedPages returns every canned page that is prepared.
func variedPages(s *Set, locale string) (all []varied) {
	for _, sample := range s.Canned(locale) {
		if p, ok := sample.Page.(varied); ok {
			all = append(all, p)
		}
	}
	return all
}

// checkAsExecuted fails if a page is not what its template makes of it.
func checkAsExecuted(t *testing.T, s *Set, locale string, p varied) {
	t.Helper()
	want, err := s.execute(locale, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, which := range []string{"first", "second"} {
		got, err := s.page(locale, p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("the %s rendering of %+v is not what its template makes:\n%s\nbut\n%s", which, p, want, got)
		}
	}
}

// other returns values that are as long and as foreign as plain ones can be.
func (v differing) other() differing {
	text := func(like, value string) string {
		if like == "" {
			return ""
		}
		return value
	}
	return differing{
		address: text(v.address, "é…@bücher.日本.example"), stamp: text(v.stamp, "1763748131402.Aa-_9"),
		confirm: text(v.confirm, "/c/Aa.b-_~"), decline: text(v.decline, "/c/x/decline"),
		unsubscribe: text(v.unsubscribe, "https://localhost:8080/u/Aa.b-_~"),
		asked:       time.Date(2031, 8, 1, 9, 5, 0, 0, time.UTC), deadline: time.Date(2031, 12, 31, 23, 59, 0, 0, time.UTC),
	}
}

func TestEveryPreparedPageIsWhatItsTemplateMakes(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, locale := range append(s.Languages(), "fr-CA", "tlh") {
		for _, p := range variedPages(s, locale) {
			checkAsExecuted(t, s, locale, p)
			page, _ := s.prepared.find(appendKey(nil, locale, p, p.differs()))
			if page == nil {
				t.Errorf("%s in %s cannot be prepared", p.name(), locale)
			}
			checkAsExecuted(t, s, locale, p.with(p.differs().other()).(varied))
			n++
		}
	}
	if len(s.prepared.pages) != n {
		t.Errorf("%d pages were prepared for %d: other values made another page", len(s.prepared.pages), n)
	}
}

// A page must not be filled into one that shows something else: every field counts.
func TestAPreparedPageIsForWhatItShowsOnly(t *testing.T) {
	s := newSet(t)
	for _, p := range variedPages(s, "fr") {
		checkAsExecuted(t, s, "fr", p)
		checkAsExecuted(t, s, "en", p)
		changed := reflect.New(reflect.TypeOf(p)).Elem()
		changed.Set(reflect.ValueOf(p))
		own := slices.Clone(changed.FieldByName("Purposes").Interface().([]Purpose)) // which p shares
		changed.FieldByName("Purposes").Set(reflect.ValueOf(own))
		changed.FieldByName("Site").FieldByName("Locales").Set(reflect.ValueOf([]string{"fr", "en"}))
		for path, leaf := range leaves(changed) {
			if k := leaf.Kind(); k == reflect.Pointer || k == reflect.Map {
				continue // a site's, which stay what they are while a process runs
			}
			was := reflect.New(leaf.Type()).Elem()
			was.Set(leaf)
			for _, value := range otherValues(leaf) {
				leaf.Set(reflect.ValueOf(value))
				t.Run(path, func(t *testing.T) { checkAsExecuted(t, s, "fr", changed.Interface().(varied)) })
			}
			leaf.Set(was)
		}
	}
}

// leaves returns the fields of a page that are no structs, with their paths.
func leaves(v reflect.Value) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	switch {
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			for path, leaf := range leaves(v.Field(i)) {
				all[v.Type().Field(i).Name+"."+path] = leaf
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			for path, leaf := range leaves(v.Index(i)) {
				all[fmt.Sprintf("%d.%s", i, path)] = leaf
			}
		}
	default:
		all[""] = v
	}
	return all
}

// otherValues returns what a field may hold instead: plain and hostile values, and none.
func otherValues(leaf reflect.Value) []any {
	switch leaf.Interface().(type) {
	case bool:
		return []any{!leaf.Bool()}
	case time.Time:
		return []any{time.Time{}, time.Date(2031, 8, 1, 9, 5, 0, 0, time.UTC)}
	}
	return []any{
		"/c/other", "pending", "confirmed", "de", "", `"><script>alert(1)</script>`, "a&b'c+d", "javascript:alert(1)",
		"//evil.example", "https://https://evil.example", "\x00\xff", "{{.Site}}", "a…@b.example", "<!--", "%zz", "/é",
		"x:y",
	}
}

func TestOnlySoManyPagesArePrepared(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxPrepared + 10 {
		p := Confirmed{Site: Site{Name: fmt.Sprint(i)}}
		if _, err := s.page("en", p); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.prepared.pages); n > maxPrepared {
		t.Errorf("%d pages are kept", n)
	}
}

func TestAPreparedPageAllocatesLittle(t *testing.T) {
	s := newSet(t)
	for _, p := range variedPages(s, "fr") {
		if n := testing.AllocsPerRun(100, func() { _, _ = s.page("fr", p) }); n > 12 {
			t.Errorf("%s: %v allocations", p.name(), n)
		}
	}
}
