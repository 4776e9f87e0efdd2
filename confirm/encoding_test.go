package confirm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func idOf(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:n])
}

// everything is a subscription in which every field says something.
func everything() consent.Subscription {
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	long := time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC) // a website's server may say anything
	evidence := consent.Evidence{
		At: at(1), How: consent.ByServer, IP: "2001:db8::7", UserAgent: "Mozilla/5.0",
		Origin: "https://gazette.example",
		Source: "https://gazette.example/signup", Form: "footer", PageMade: at(-1), Reply: "250 ok", Channel: "phone",
		Detail: "STOP", Attested: &consent.Attested{IP: "192.0.2.7", UserAgent: "Mozilla/5.0", Page: "/p", At: long},
	}
	email := consent.Email{
		Reason: consent.ReasonReminder, Queued: at(2), Due: at(3), Tries: 2,
		Answers: []consent.Answer{
			{At: at(4), Reply: "451 later", Reason: consent.RefusalMailbox, Relay: "mx:25"},
			{At: at(5), Reply: "451 later", Reason: consent.RefusalUnknown},
		},
		Taken: &consent.Delivery{
			At: at(6), Reply: "250 2.0.0 Ok: queued as 4FD1", SHA256: hashOf("a"), Unsigned: hashOf("b"),
			Skeleton: hashOf("c"), Signature: "DKIM-Signature: v=1",
		},
		Bounced: &evidence,
	}
	shown := consent.Statement{Purpose: "letter", Revision: 2, SHA256: hashOf("d"), Shown: "The letter"}
	r := consent.Request{
		ID: idOf("r", 16), Address: mustParse("ADA@example.org"), Asked: evidence, Renewed: &evidence,
		Statements: []consent.Statement{shown}, Locale: "en",
		Deadline: at(7), Browser: idOf("b", 16), State: consent.Confirmed, Closed: &evidence,
		Emails: []consent.Email{email}, RemindAt: at(8), Agreed: at(21),
		Receipt: &consent.Receipt{
			ID: "r-1", Frame: hashOf("e"), Key: idOf("k", 32), Signature: []byte("signed"), Emails: 1,
			Validity: time.Hour,
		},
	}
	return consent.Subscription{
		Site: "gazette", Address: mustParse("ada@example.org"), Locale: "fr", Created: start, Changed: at(9),
		Requests: consent.Requests{r},
		Consents: consent.Consents{{
			Statement: shown, RequestID: r.ID, State: consent.Withdrawn, Given: at(10), Ended: &evidence,
			Superseded: at(11), Used: at(17), ValidUntil: at(19), RenewAt: at(20),
		}},
		Objections: consent.Objections{{
			Evidence: evidence, Purposes: []string{"letter", "offers"}, Mailbox: idOf("x", 16), Unblocked: &evidence,
		}},
		Refusals: []consent.Refusal{{Declined: evidence, Unblocked: &evidence, Mailbox: idOf("x", 16)}},
		Notices: []consent.Notice{{
			ID: idOf("n", 16), Address: mustParse("aDA@example.org"), Asked: evidence, Email: email,
		}},
		Claims: consent.Claims{{
			ID: idOf("c", 12), Right: consent.RightErase, Address: mustParse("ADA@example.org"), Asked: evidence,
			Deadline: at(18), Email: email, Done: &evidence,
		}},
		Unanswered:  consent.Unanswered{N: 3, First: at(11), Last: at(12)},
		WithdrawnAt: at(13), HistorySince: at(14), EmailTimes: []time.Time{at(0), at(15)},
		MovedTo: idOf("m", 16), UnreachableSince: at(22),
		Receipts: []consent.KeptReceipt{{Text: "a.b.c", Until: at(18)}},
		Told: []consent.Told{{
			At: at(16), Event: consent.EventConfirmed, Endpoint: "https://gazette.example/hooks",
		}},
	}
}

// blank returns the path of a field that says nothing, or an empty string.
func blank(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return path
		}
		return blank(v.Elem(), path)
	case reflect.Slice:
		if v.Len() == 0 {
			return path
		}
		return blank(v.Index(0), path)
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() && v.Type() != reflect.TypeFor[address.Address]() {
			for i := range v.NumField() {
				if !v.Type().Field(i).IsExported() {
					continue
				}
				if found := blank(v.Field(i), path+"."+v.Type().Field(i).Name); found != "" {
					return found
				}
			}
			return ""
		}
	}
	if v.IsZero() {
		return path
	}
	return ""
}

func TestARecordSaysEverythingThatIsKnown(t *testing.T) {
	s := everything()
	if missing := blank(reflect.ValueOf(s), "Subscription"); missing != "" {
		t.Fatalf("the test's own subscription says nothing in %s", missing)
	}
	for name, s := range map[string]consent.Subscription{
		"everything": s,
		"networks":   s.WithoutExactIPs(),
		"a refusal":  {Site: "gazette", Created: start, Changed: start, Refusals: []consent.Refusal{{}}},
		"moved":      {Site: "gazette", Created: start, Changed: start, MovedTo: idOf("m", 16)},
		"earlier":    {Site: "gazette", Created: start, Changed: start.Add(-time.Millisecond)},
		"nothing":    {Site: "gazette"},
	} {
		data, err := confirm.EncodeSubscription(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := confirm.DecodeSubscription(data, "gazette")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		opts := []cmp.Option{
			cmp.AllowUnexported(address.Address{}),
			cmpopts.EquateEmpty(),
		}
		if diff := cmp.Diff(s, got, opts...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		again, err := confirm.EncodeSubscription(got)
		if err != nil || string(again) != string(data) {
			t.Errorf("%s: written again it differs: %v", name, err)
		}
	}
}

// TestARecordIsDeterministicCBOR reads what is written with a library of the whole of CBOR, and has it write the same.
func TestARecordIsDeterministicCBOR(t *testing.T) {
	strict, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	deterministic, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	long := everything()
	long.Requests[0].Emails[0].Taken.Signature = strings.Repeat("DKIM-Signature: v=1; ", 4000)
	for range 300 {
		long.EmailTimes = append(long.EmailTimes, start.Add(time.Duration(len(long.EmailTimes))*time.Hour))
	}
	for name, s := range map[string]consent.Subscription{
		"everything": everything(), "a long one": long, "pending": pendingRecord(t), "nothing": {},
	} {
		plain, err := confirm.EncodePlain(s)
		if err != nil {
			t.Fatal(err)
		}
		var read any
		if err := strict.Unmarshal(plain, &read); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := deterministic.Marshal(read); err != nil || !bytes.Equal(again, plain) {
			t.Errorf("%s: %x, and by the library %x, %v", name, plain, again, err)
		}
	}
}

// TestWhatIsNotWrittenIsDamaged: what encodeSubscription would write otherwise, or not at all.
func TestWhatIsNotWrittenIsDamaged(t *testing.T) {
	for name, plain := range map[string]string{
		"nothing":                        "",
		"no map":                         "80",
		"a field that there is not":      "a11000",
		"a field twice":                  "a2040004" + "00",
		"fields in another order":        "a20400" + "0261" + "66",
		"a number in a longer form":      "a1041801",
		"a key in a longer form":         "a1180400",
		"a text that is bytes":           "a1024166",
		"a text that is no UTF-8":        "a10261ff",
		"a text that is cut":             "a1026366",
		"a list that is cut":             "a1079affffffff",
		"a list without an end":          "a1079f",
		"a tag":                          "a104c100",
		"a float":                        "a104f90000",
		"a number that is too large":     "a1041bffffffffffffffff",
		"something behind it":            "a000",
		"an address that is none":        "a1016161",
		"a text that there is not":       "a10781a102a10401",
		"a request without an email":     "a10781a0",
		"a consent without its request":  "a10881a0",
		"an IP of five bytes":            "a106814501020304" + "05",
		"a place below the first in IPs": "a107" + "81a102a10320",
	} {
		data, err := hex.DecodeString(plain)
		if err != nil {
			t.Fatal(name, err)
		}
		if s, err := confirm.DecodeSubscription(confirm.Pack(data), "gazette"); err == nil {
			t.Errorf("%s was read: %+v", name, s)
		}
	}
	if _, err := confirm.DecodeSubscription(confirm.Pack([]byte{0xa0}), "gazette"); err != nil {
		t.Errorf("an empty record: %v", err)
	}
}

// eachMap calls f with every map that is in a value of CBOR, the outer ones first.
func eachMap(v any, f func(map[any]any)) {
	switch v := v.(type) {
	case map[any]any:
		f(v)
		for _, of := range v {
			eachMap(of, f)
		}
	case []any:
		for _, of := range v {
			eachMap(of, f)
		}
	}
}

// What a newer optin has written that this one does not know is not dropped the next time when the record is written.
func TestAFieldThatThisOptinDoesNotKnowIsNotPassedOver(t *testing.T) {
	subscription, err := confirm.EncodePlain(everything())
	if err != nil {
		t.Fatal(err)
	}
	mailbox, err := confirm.EncodeMailbox(everyMailbox())
	if err != nil {
		t.Fatal(err)
	}
	deterministic, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		plain  []byte
		decode func([]byte) error
		maps   int // at least
	}{
		"a subscription": {subscription, func(plain []byte) error {
			_, err := confirm.DecodeSubscription(confirm.Pack(plain), "gazette")
			return err
		}, 30},
		"a mailbox": {mailbox, func(plain []byte) error { _, err := confirm.DecodeMailbox(plain); return err }, 3},
	} {
		var read any
		if err := cbor.Unmarshal(row.plain, &read); err != nil {
			t.Fatal(err)
		}
		maps := 0
		eachMap(read, func(m map[any]any) {
			maps++
			m[uint64(23)] = 0
			plain, err := deterministic.Marshal(read)
			delete(m, uint64(23))
			if err != nil {
				t.Fatal(err)
			}
			if row.decode(plain) == nil {
				t.Errorf("%s: another field is passed over among %v", name, m)
			}
		})
		if plain, err := deterministic.Marshal(read); err != nil || row.decode(plain) != nil || maps < row.maps {
			t.Errorf("%s: as it was, with %d maps, it is not read, %v", name, maps, err)
		}
	}
}

func TestWhatIsNoIDOrHashIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(s *consent.Subscription){
		"an id":           func(s *consent.Subscription) { s.Requests[0].ID = "not base64url!" },
		"a hash":          func(s *consent.Subscription) { s.Requests[0].Statements[0].SHA256 = "the letter" },
		"an IP":           func(s *consent.Subscription) { s.Requests[0].Asked.IP = "fe80::1%eth0" },
		"a method":        func(s *consent.Subscription) { s.Requests[0].Asked.How = "telepathy" },
		"no such request": func(s *consent.Subscription) { s.Consents[0].RequestID = idOf("x", 16) },
	} {
		s := everything()
		spoil(&s)
		if _, err := confirm.EncodeSubscription(s); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
}

func TestAPendingRecordIsSmall(t *testing.T) {
	s := pendingRecord(t)
	data, err := confirm.EncodeSubscription(s)
	if err != nil {
		t.Fatal(err)
	}
	const most = 390
	if n := len(data) + keyring.Overhead; n > most {
		t.Errorf("%d bytes sealed, at most %d", n, most)
	}
}

// pendingRecord is what most records are like: one signup, whose email a relay took. The sizes are those by which the
// cost of one is measured: an address of 20 bytes, an agent of 110, a source of 40 and a reply of 60.
func pendingRecord(t *testing.T) consent.Subscription {
	t.Helper()
	agent := "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/142.0.0.0 Safari/537.36"
	source := "https://www.gazette.example/newsletter/a"
	reply := "250 2.0.0 Ok: queued as 4d9XkP3Wt1z7Qm8 by mx.relay.example.net"
	signup := consent.Signup{
		ID: idOf("r", 16), Address: mustParse("ada.love@example.org"), Site: "gazette", Locale: "fr", Terms: terms,
		Statements: []consent.Statement{{Purpose: "letter", Revision: 1, SHA256: hashOf("d")}},
		Evidence: consent.Evidence{
			At: start, How: consent.ByForm, IP: "192.0.2.7", UserAgent: agent[:110], Source: source[:40],
		},
	}
	c, err := consent.Apply(consent.Subscription{}, signup, start)
	if err != nil {
		t.Fatal(err)
	}
	taken := consent.Delivered{RequestID: signup.ID, Delivery: consent.Delivery{
		At: start.Add(40 * time.Millisecond), Reply: reply[:60], SHA256: hashOf("a"), Unsigned: hashOf("b"),
		Skeleton: hashOf("c"),
	}}
	if c, err = consent.Apply(c.Subscription, taken, start.Add(40*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	return c.Subscription
}

func FuzzDecodeSubscription(f *testing.F) {
	data, err := confirm.EncodeSubscription(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := confirm.DecodeSubscription(data, "gazette")
		if err != nil {
			return
		}
		if _, err := consent.Apply(s, consent.Expire{Terms: terms}, start); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkEncodeSubscription(b *testing.B) {
	s := everything()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := confirm.EncodeSubscription(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSubscription(b *testing.B) {
	data, err := confirm.EncodeSubscription(everything())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := confirm.DecodeSubscription(data, "gazette"); err != nil {
			b.Fatal(err)
		}
	}
}

// everyMailbox is one in whose record every field says something.
func everyMailbox() consent.Mailbox {
	return consent.Mailbox{
		Declined:  &consent.Evidence{At: start, How: consent.ByComplaint},
		Spellings: []consent.Spelling{{ID: idOf("a", 16)}, {ID: idOf("b", 16), Until: start.Add(time.Hour)}},
		Objections: consent.Objections{{
			Evidence: consent.Evidence{At: start, How: consent.ByServer, Channel: consent.ChannelSMS},
			Purposes: []string{"letter", "offers"},
		}},
	}
}

func TestTheRecordOfAMailboxSaysWhatIsKnownAndNothingElse(t *testing.T) {
	for name, m := range map[string]consent.Mailbox{
		"nothing":   {},
		"a refusal": {Declined: &consent.Evidence{At: start, How: consent.ByLink}},
		"all":       everyMailbox(),
	} {
		data, err := confirm.EncodeMailbox(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := confirm.DecodeMailbox(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
		for n := range data {
			if _, err := confirm.DecodeMailbox(data[:n]); err == nil {
				t.Errorf("%s is read from its first %d of %d bytes", name, n, len(data))
			}
		}
		if _, err := confirm.DecodeMailbox(append(data, 0)); err == nil {
			t.Errorf("%s is read with something behind it", name)
		}
	}
	how, err := confirm.EncodeMailbox(consent.Mailbox{Declined: &consent.Evidence{How: consent.ByLink}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := confirm.DecodeMailbox(how); err == nil {
		t.Errorf("a refusal without its time is read as %+v", m)
	}
	if _, err := confirm.EncodeMailbox(consent.Mailbox{Spellings: []consent.Spelling{{ID: "no id!"}}}); err == nil {
		t.Error("a spelling that is no id was written")
	}
}
