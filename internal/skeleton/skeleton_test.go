package skeleton

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/optin/optin/internal/address"
)

func english() Dates {
	return Dates{
		Pattern: Day + "\u00a0" + Month + " " + Year + ", " + Hour + ":" + Minute + " UTC", First: "1st",
		Months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September",
			"October", "November", "December"},
	}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// message is one that says the same in both parts. Its parts are quoted by the standard library.
func message(t Texts, wrap func(string) string) ([]byte, error) {
	said := "Asked " + t.Asked + ", until " + t.Deadline + ", é since " + strings.Join(t.Since, " and ") + "\n" +
		t.Confirm + "\n"
	b := &bytes.Buffer{}
	to := "To: <" + t.To + ">"
	if len(to) > 72 {
		to = strings.Replace(to, " ", "\r\n ", 1)
	}
	id := "Message-ID: <" + t.ID + "@gazette.example>"
	if len(id) > 72 {
		id = strings.Replace(id, " ", "\r\n ", 1)
	}
	fmt.Fprintf(b, "Date: %s\r\n%s\r\n", t.Date, id)
	fmt.Fprintf(b, "%s\r\nForm-Sub: v=1 ; %s\r\nContent-Type: multipart/alternative;\r\n boundary=%s\r\n\r\n", to,
		t.Origin, t.Boundary)
	for _, part := range [][2]string{{"plain", wrap(said)}, {"html", "<p>" + said + "</p>\n"}} {
		fmt.Fprintf(b, "--%s\r\nContent-Type: text/%s; charset=UTF-8\r\n\r\n", t.Boundary, part[0])
		w := quotedprintable.NewWriter(b)
		if _, err := w.Write([]byte(part[1])); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		fmt.Fprint(b, "\r\n")
	}
	fmt.Fprintf(b, "--%s--\r\n", t.Boundary)
	return b.Bytes(), nil
}

func parsed(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func values(t testing.TB) Values {
	return Values{
		ID: "job-1", Date: noon, To: parsed(t, "ada@example.org"), IP: "198.51.100.7",
		Confirm: "https://confirm.example/c/a.b-c_d~e", Asked: noon, Deadline: noon.AddDate(0, 0, 10),
		Since: []time.Time{noon, noon.AddDate(0, 1, 1)},
	}
}

func source() Source {
	return Source{Confirm: "https://confirm.example/c/", Dates: english(), Since: 2, Compose: message}
}

func made(t testing.TB) *Skeleton {
	t.Helper()
	s, err := Make(source(), values(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAFilledSkeletonIsWhatWasComposed(t *testing.T) {
	s := made(t)
	addresses := rapid.SampledFrom([]string{
		"ada@example.org", "jörg@bücher.example", "o'neil{}@example.org",
		strings.Repeat("x", 64) + "@" + strings.Repeat("a.", 90) + "example", strings.Repeat("用", 21) + "@例子.广告",
	})
	moment := rapid.Map(rapid.Int64Range(-1<<35, 1<<37), func(n int64) time.Time { return time.Unix(n, 0) })
	rapid.Check(t, func(t *rapid.T) {
		to, err := address.Parse(addresses.Draw(t, "to"))
		if err != nil {
			t.Fatal(err)
		}
		v := Values{
			ID: rapid.StringMatching(`[A-Za-z0-9_-]{1,128}`).Draw(t, "id"), To: to,
			Date:  time.Unix(rapid.Int64Range(0, 1<<37).Draw(t, "date"), 0),
			IP:    rapid.SampledFrom([]string{"", "198.51.100.7", "2001:db8::9", "x\r\nBcc: eve"}).Draw(t, "ip"),
			Asked: moment.Draw(t, "asked"), Deadline: moment.Draw(t, "deadline"),
			Since: []time.Time{moment.Draw(t, "since"), moment.Draw(t, "since")},
			Confirm: "https://confirm.example/c/" +
				rapid.StringMatching(`[A-Za-z0-9._~-]{0,800}`).Draw(t, "confirm"),
		}
		got, err := s.Fill(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := message(s.texts(&v), Wrap)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	})
}

func TestAValueThatDoesNotFitIsRefused(t *testing.T) {
	s := made(t)
	for name, change := range map[string]func(*Values){
		"no id":                    func(v *Values) { v.ID = "" },
		"an id with a break":       func(v *Values) { v.ID = "x\r\nBcc: eve@evil.example" },
		"an id with a bracket":     func(v *Values) { v.ID = "x>" },
		"a long id":                func(v *Values) { v.ID = strings.Repeat("x", 129) },
		"no recipient":             func(v *Values) { v.To = address.Address{} },
		"no date":                  func(v *Values) { v.Date = time.Time{} },
		"a date of five digits":    func(v *Values) { v.Date = noon.AddDate(9000, 0, 0) },
		"another link":             func(v *Values) { v.Confirm = "https://evil.example/c/x" },
		"no link":                  func(v *Values) { v.Confirm = "" },
		"a link with a break":      func(v *Values) { v.Confirm += "\r\n.\r\n" },
		"a link with a NUL":        func(v *Values) { v.Confirm += "\x00" },
		"a link with markup":       func(v *Values) { v.Confirm += `"><b>` },
		"a link with an ampersand": func(v *Values) { v.Confirm += "&" },
		"a link beyond ASCII":      func(v *Values) { v.Confirm += "é" },
		"a long link":              func(v *Values) { v.Confirm += strings.Repeat("x", 900) },
		"a state too few":          func(v *Values) { v.Since = v.Since[:1] },
		"a state too many":         func(v *Values) { v.Since = append(v.Since, noon) },
	} {
		v := values(t)
		change(&v)
		if got, err := s.Fill(nil, &v); err == nil {
			t.Errorf("%s: %s", name, got)
		} else if v.Confirm != "" && strings.Contains(err.Error(), v.Confirm) {
			t.Errorf("%s: the error contains the link: %v", name, err)
		}
	}
}

func TestASourceThatEscapesOrReadsAValueHasNoSkeleton(t *testing.T) {
	for name, change := range map[string]func(*Texts){
		"escapes a link":       func(t *Texts) { t.Confirm = strings.ReplaceAll(t.Confirm, "~", "%7E") },
		"leaves out a link":    func(t *Texts) { t.Confirm = "" },
		"cuts a moment":        func(t *Texts) { t.Asked = t.Asked[:5] },
		"escapes beyond ASCII": func(t *Texts) { t.Asked = strings.ReplaceAll(t.Asked, "\u2028", "&#8232;") },
		"counts a moment":      func(t *Texts) { t.Deadline += fmt.Sprint(len(t.Deadline)) },
		"looks at the IP": func(t *Texts) {
			if strings.HasPrefix(t.Origin, "ip6") {
				t.Origin += "!"
			}
		},
		"breaks the recipient": func(t *Texts) { t.To = strings.ToLower(t.To) },
	} {
		from := source()
		from.Compose = func(t Texts, wrap func(string) string) ([]byte, error) {
			change(&t)
			return message(t, wrap)
		}
		if _, err := Make(from, values(t)); err == nil {
			t.Errorf("a source that %s has one", name)
		}
	}
	bad := source()
	bad.Dates.Months[10] = "<b>"
	if _, err := Make(bad, values(t)); err == nil {
		t.Error("a month with markup is accepted")
	}
}

func TestASkeletonIsReadAsItWasWrittenAndNotOtherwise(t *testing.T) {
	s := made(t)
	again, err := Parse(s.Data())
	if err != nil || again.Sum() != s.Sum() || !bytes.Equal(again.Data(), s.Data()) {
		t.Fatal(err)
	}
	v := values(t)
	one, _ := s.Fill(nil, &v)
	other, err := again.Fill(nil, &v)
	if err != nil || !bytes.Equal(one, other) {
		t.Errorf("%v\n%s\n%s", err, one, other)
	}
	for i := range s.Data() {
		if _, err := Parse(s.Data()[:i]); err == nil && s.Data()[i] > byte(wrapped) {
			t.Errorf("the first %d bytes are accepted", i)
		}
	}
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"another version": append([]byte("optin-skeleton/2\n"), s.Data()[len(magic):]...),
		"a rest":          append(bytes.Clone(s.Data()), 0),
		"a long number":   bytes.Replace(s.Data(), []byte{26, 'h'}, []byte{26 | 128, 0, 'h'}, 1),
		"a kind too many": append(bytes.Clone(s.Data()), 5, 1, 0, 0, 0),
		"ready twice":     append(bytes.Clone(s.Data()), 0, 1, 'x', 0, 1, 'x'),
		"a link unused":   bytes.Replace(s.Data(), []byte("/c/\x00"), []byte("/c/\x01x"), 1),
		"a state missing": append(bytes.Clone(s.Data()), 1, 1, 0, byte(slotSince)+3, 0),
	} {
		if _, err := Parse(data); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	s := made(f)
	f.Add(s.Data())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Data(), data) {
			t.Fatal("two forms of one skeleton")
		}
		v := values(t)
		v.Confirm, v.Decline, v.Unsubscribe = s.links[0], s.links[1], s.links[2]
		v.Since = make([]time.Time, s.since)
		_, _ = s.Fill(nil, &v)
	})
}

func FuzzQuotedLinesAreThoseOfTheStandardLibrary(f *testing.F) {
	f.Add("La Gazette = é", "x ", strings.Repeat("long\t ", 40))
	f.Add(strings.Repeat("a", 75), " ", "")
	f.Add(strings.Repeat("a", 73), "é", "b")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if strings.ContainsAny(a+b+c, "\r\n") {
			return
		}
		var want bytes.Buffer
		w := quotedprintable.NewWriter(&want)
		_, _ = w.Write([]byte(a + b + c + "\n"))
		_ = w.Close()
		got, column := appendQuoted(nil, 0, a)
		got, column = appendQuoted(got, column, b)
		got, column = appendQuoted(got, column, []byte(c))
		if got = endQuoted(got, column); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%q, want %q", got, want.Bytes())
		}
	})
}

func TestLinesAreWrappedAtSpacesAndNotWithinWords(t *testing.T) {
	link := "https://confirm.example/" + strings.Repeat("x", 300)
	words := strings.TrimSpace(strings.Repeat("é word ", 30))
	got := Wrap("short\n\n  - " + words + "\n" + link + "\n" + words + "\n")
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 72 && line != link+"\n" {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	want := strings.Fields("short - " + words + " " + link + " " + words)
	if strings.Join(strings.Fields(got), " ") != strings.Join(want, " ") {
		t.Errorf("other words: %s", got)
	}
	if item := strings.Split(strings.Split(got, "\n\n")[1], "\n"); !strings.HasPrefix(item[0], "  - é") ||
		!strings.HasPrefix(item[1], "    ") || strings.HasPrefix(item[1], "     ") {
		t.Errorf("the list item is not indented: %q", item[:2])
	}
}

func TestMomentsAreInUTCAndToTheMinute(t *testing.T) {
	d := english()
	for at, want := range map[time.Time]string{
		noon.Add(59 * time.Second):                                   "21\u00a0November 2026, 12:00 UTC",
		time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)): "31\u00a0December 2026, 23:30 UTC",
		time.Date(2027, 8, 1, 9, 5, 0, 0, time.UTC):                  "1st\u00a0August 2027, 09:05 UTC",
	} {
		if got := string(d.Append(nil, at)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMomentsAreInTheZoneThatTheSkeletonKeeps(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	d := english()
	d.Pattern = Year + " " + Day + " " + HourShort + ":" + Minute + " " + Hour12 + " " + DayPeriod
	d.AM, d.PM = "am", "pm"
	d.Zone = ZoneOf(paris, 2024, 2028)
	again, ok := parseZone(d.Zone.String())
	if !ok || again.String() != d.Zone.String() || len(again) != 11 {
		t.Fatalf("%q became %q", d.Zone, again)
	}
	d.Zone = again
	for _, row := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 7, 1, 22, 0, 0, 0, time.UTC), "2026 2 0:00 12 am"},
		{time.Date(2026, 7, 1, 10, 5, 0, 0, time.UTC), "2026 1st 12:05 12 pm"},
		{time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC), "2026 29 1:59 1 am"},
		{time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), "2026 29 3:00 3 am"},
		{time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), "2026 25 2:00 2 am"},
		{time.Date(2020, 7, 2, 12, 0, 0, 0, time.UTC), "2020 2 13:00 1 pm"}, // before what is known: the first offset
		{time.Date(2040, 1, 2, 12, 0, 0, 0, time.UTC), "2040 2 13:00 1 pm"},
	} {
		if got := string(d.Append(nil, row.at)); got != row.want {
			t.Errorf("%v: %q, want %q", row.at, got, row.want)
		}
	}
	if z := ZoneOf(paris, 2024, 2045); len(z) != 45 || z[44].From.Year() != 2045 {
		t.Errorf("Paris has %d offsets, the last from %v", len(z), z[len(z)-1].From)
	}
	if z := ZoneOf(time.UTC, 2024, 2028); len(z) != 0 {
		t.Errorf("UTC has %v", z)
	}
	for _, bad := range []string{"x", "1", "+1", "1+", "1+x", "1 +1", "99999999999999999999+1"} {
		if z, ok := parseZone(bad); ok {
			t.Errorf("%q is the zone %v", bad, z)
		}
	}
	slices.Reverse(d.Zone)
	if d.Check() == nil {
		t.Error("a zone whose offsets are not in their order is accepted")
	}
}

func TestTheTextIsAsWideAsItIsShown(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "日本語": 6, "שָׁלוֹם": 4, "سلام": 4, "مُحَمَّد": 4, "\u2068x\u2069": 1,
		"ｆｕｌｌ": 8, "한국어": 6,
	} {
		if got := Width([]byte(text)); got != want {
			t.Errorf("%q has %d columns, want %d", text, got, want)
		}
	}
	for line := range strings.Lines(Wrap(strings.Repeat("全角文字 ", 40))) {
		if n := Width([]byte(strings.TrimSuffix(line, "\n"))); n > 72 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestFormSubShowsOnlyAPartOfTheIPAddress(t *testing.T) {
	for ip, want := range map[string]string{
		"198.51.100.7":             "ip4=198.51.x.x",
		"::ffff:198.51.100.7":      "ip4=198.51.x.x",
		"2001:db8:1234:5678::9":    "ip6=2001:db8::x",
		"::1":                      "ip6=0:0::x",
		"":                         "ip=none",
		"198.51.100.7\r\nBcc: eve": "ip=none",
		"fe80::1%eth0\r\nX: y":     "ip6=fe80:0::x",
	} {
		if got := string(appendOrigin(nil, ip)); got != want {
			t.Errorf("%q is shown as %q, want %q", ip, got, want)
		}
	}
}
