package confirm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/store"
)

// words are what JSON writes in different ways.
var words = []string{
	"", "letter", "ada@example.org", "<a href=\"x\">&'</a>", "a\\b\\u2028\\ufffd", "\u2028\u2029\ufffd",
	"\x00\x1f\b\f\n\r\t\x7f", "é€😀\ue000", "cut: \xff\xc3",
}

// random fills a value, to some depth, with what may stand in it.
func random(v reflect.Value, r *rand.Rand) {
	if t, ok := v.Addr().Interface().(*time.Time); ok {
		*t = time.UnixMilli(r.Int64N(1 << 42)).UTC()
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(words[r.IntN(len(words))] + words[r.IntN(len(words))])
	case reflect.Int:
		v.SetInt(r.Int64N(1<<53) >> r.IntN(53))
	case reflect.Struct:
		for i := range v.NumField() {
			random(v.Field(i), r)
		}
	case reflect.Pointer:
		if r.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			random(v.Elem(), r)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(5), 5))
		for i := range v.Len() {
			random(v.Index(i), r)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"letter", "Offers", "a-b", "a_b", "b2", "b10"}[:r.IntN(7)] {
			value := reflect.New(v.Type().Elem()).Elem()
			random(value, r)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	default:
		panic(v.Kind())
	}
}

// The records of leaves are written in canonical order, and not put into it.
func TestRecordsOfLeavesAreCanonical(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for range 2000 {
		var record logRecord
		random(reflect.ValueOf(&record).Elem(), r)
		sorted, err := statement.SortedJSON(record)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := statement.CanonicalJSON(record)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sorted, canonical) {
			t.Fatalf("it is\n%s\nand canonical\n%s", sorted, canonical)
		}
		record.Action, record.Site, record.Subscription, record.Version = consent.StepConfirmed, "gazette", "id-_", 1
		if sorted, err = statement.SortedJSON(record); err != nil {
			t.Fatal(err)
		}
		key := store.Key{Site: record.Site, ID: record.Subscription}
		want := LogHead{Key: key, Action: record.Action, At: record.At}
		if head, err := ReadLogHead(sorted); err != nil || head != want {
			t.Fatalf("the head of %s is %+v, %v", sorted, head, err)
		}
		at := r.IntN(len(sorted))
		if head, err := ReadLogHead(sorted[:at]); !errors.Is(err, ErrUnreadable) {
			t.Fatalf("the head of %s is %+v, %v", sorted[:at], head, err)
		}
	}
}
