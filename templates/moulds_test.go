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
)

// Two letters that are told apart by one value alone never share a mould.
func TestNoLetterIsMistakenForAnother(t *testing.T) {
	s := newSet(t)
	for _, c := range s.cannedLetters("en") {
		letter(t, s, "en", c.Email)
		for name, other := range others(c.Email) {
			if diff := cmp.Diff(executed(t, s, "en", other), letter(t, s, "en", other)); diff != "" {
				t.Errorf("%s with another %s: %s", c.Name, name, diff)
			}
		}
	}
}

// others are letters that differ from l in one field, by its name.
func others(l Email) map[string]Email {
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
				walk(fmt.Sprintf("%s[%d]", name, i), func(root reflect.Value) reflect.Value { return field(root).Index(i) })
			}
			field(root).Set(reflect.ValueOf(append(v, v[0])))
		default:
			for i := range field(root).NumField() {
				walk(name+"."+field(root).Type().Field(i).Name, func(root reflect.Value) reflect.Value { return field(root).Field(i) })
			}
			return
		}
		all[name] = root.Interface().(Email)
	}
	walk("", func(root reflect.Value) reflect.Value { return root })
	return all
}

func TestMouldsAreNotKeptWithoutBound(t *testing.T) {
	var k moulds
	for i := range 3 * maxMoulds {
		like := fmt.Append(nil, i)
		k.keep(like, &mould{})
		if _, known := k.get(like); !known || len(k.kept) > maxMoulds {
			t.Fatalf("%d are kept, the last one among them: %v", len(k.kept), known)
		}
	}
	s, l := newSet(t), KnownEmail{UnsubscribeURL: "https://c.example/"}
	for range maxLikeness / 100 {
		l.Purposes = append(l.Purposes, Purpose{Text: strings.Repeat("x", 100)})
	}
	if diff := cmp.Diff(executed(t, s, "en", l), letter(t, s, "en", l)); diff != "" || len(s.moulds.kept) != 0 {
		t.Errorf("a letter of %d bytes is kept: %d %s", maxLikeness, len(s.moulds.kept), diff)
	}
	l.Purposes = slices.Repeat([]Purpose{{Text: "<<<<<<<<"}}, 400)
	for range 2 {
		if diff := cmp.Diff(executed(t, s, "en", l), letter(t, s, "en", l)); diff != "" {
			t.Error(diff)
		}
		if m, known := mouldOf(s, "en", l); m != nil || !known {
			t.Error("a mould that grew too large is kept")
		}
	}
}

func TestManyAtOnceGetTheirOwnLetters(t *testing.T) {
	s := newSet(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 30 {
				l := s.cannedLetters("en")[0].Email.(ConfirmEmail)
				l.Site.Name = fmt.Sprintf("Site %d", n)
				l.ConfirmURL = fmt.Sprintf("https://c.example/%d/%d", i, n)
				m, err := s.Email("en", l)
				if err != nil || linesOf(m.Text)[0] != l.ConfirmURL || !strings.HasSuffix(m.Subject, l.Site.Name) {
					t.Errorf("%q, %q, %v", m.Subject, linesOf(m.Text), err)
				}
			}
		})
	}
	all.Wait()
}
