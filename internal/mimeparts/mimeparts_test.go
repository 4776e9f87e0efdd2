package mimeparts_test

import (
	"bufio"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/mimeparts"
)

// walk returns what is visited of a message, one line a part, and the error of the walk.
func walk(t *testing.T, message string, limits mimeparts.Limits) (visited []string, err error) {
	t.Helper()
	in := bufio.NewReader(strings.NewReader(strings.ReplaceAll(message, "\n", "\r\n")))
	header, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	err = mimeparts.Walk(header, in, limits, func(p mimeparts.Part) error {
		if p.Err != nil {
			visited = append(visited, "error: "+p.Err.Error())
			return nil //nolint:nilerr // the error is what was visited
		}
		body, err := p.Decode()
		if err != nil {
			visited = append(visited, p.Type+": "+err.Error())
			return nil //nolint:nilerr // the error is what was visited
		}
		text, err := io.ReadAll(body)
		visited = append(visited, p.Type+": "+string(text))
		return err
	})
	return visited, err
}

func wide() mimeparts.Limits { return mimeparts.Limits{Depth: 8, Parts: 100, Bytes: 1 << 20} }

const nested = `Content-Type: Multipart/Mixed; boundary=o

preamble
--o

no type
--o
Content-Type: multipart/alternative; boundary=i

--i
Content-Type: text/html
Content-Transfer-Encoding: BASE64

PGI+w6k8L2I+
--i
Content-Type: text/plain
Content-Transfer-Encoding: quoted-printable

a=3Db
--i--
--o
Content-Type: image/png

x
--o--
epilogue
`

func TestEveryPartIsVisitedInOrderAndDecoded(t *testing.T) {
	got, err := walk(t, nested, wide())
	want := []string{"text/plain: no type", "text/html: <b>é</b>", "text/plain: a=b", "image/png: x"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got, err := walk(t, "Subject: x\n\nhello", wide()); len(got) != 1 || got[0] != "text/plain: hello" ||
		err != nil {
		t.Errorf("a message without parts: %q, %v", got, err)
	}
}

func TestAPartThatCannotBeReadIsVisitedWithItsErrorAndTheOthersAreRead(t *testing.T) {
	for name, row := range map[string]struct{ part, want string }{
		"a bad type":  {"Content-Type: ;\n\nx", "error: Content-Type \";\": mime: no media type"},
		"no boundary": {"Content-Type: multipart/mixed\n\nx", "error: a multipart without a boundary"},
		"an unknown encoding": {"Content-Transfer-Encoding: rot13\n\nx",
			"text/plain: Content-Transfer-Encoding \"rot13\" is not one of RFC 2045"},
	} {
		got, err := walk(t, "Content-Type: multipart/mixed; boundary=b\n\n--b\n"+row.part+"\n--b\n\ngood\n--b--\n",
			wide())
		if diff := cmp.Diff([]string{row.want, "text/plain: good"}, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestTheWalkEndsAtItsLimits(t *testing.T) {
	const tooDeep = "error: too many parts: they are read when nested at most 1 deep"
	for name, row := range map[string]struct {
		limits mimeparts.Limits
		want   []string
		err    error
	}{
		"just enough": {mimeparts.Limits{Depth: 2, Parts: 6, Bytes: int64(len(nested))},
			[]string{"text/plain: no type", "text/html: <b>é</b>", "text/plain: a=b", "image/png: x"}, nil},
		"one too deep": {mimeparts.Limits{Depth: 1, Parts: 6, Bytes: 1 << 20},
			[]string{"text/plain: no type", tooDeep, tooDeep, "image/png: x"}, nil},
		"one too many": {mimeparts.Limits{Depth: 2, Parts: 5, Bytes: 1 << 20},
			[]string{"text/plain: no type", "text/html: <b>é</b>", "text/plain: a=b"}, mimeparts.ErrTooManyParts},
		"larger by half": {mimeparts.Limits{Depth: 2, Parts: 6, Bytes: 100}, []string{"text/plain: no type"},
			mimeparts.ErrTooLarge},
	} {
		got, err := walk(t, nested, row.limits)
		if diff := cmp.Diff(row.want, got); diff != "" || !errors.Is(err, row.err) {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	exact := mimeparts.Limits{Depth: 1, Parts: 1, Bytes: 5}
	if got, err := walk(t, "Subject: x\n\nhello", exact); len(got) != 1 || err != nil {
		t.Errorf("a body of exactly as many bytes: %q, %v", got, err)
	}
	if got, err := walk(t, "Subject: x\n\nhello!", exact); !errors.Is(err, mimeparts.ErrTooLarge) {
		t.Errorf("one byte more: %q, %v", got, err)
	}
}

func TestTheWalkEndsWherePartsCannotBeToldApart(t *testing.T) {
	for name, text := range map[string]string{
		"cut short":           "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhalf",
		"no header of a part": "Content-Type: multipart/mixed; boundary=b\n\n--b\nno header\n\n--b--\n",
		"multiparts without end": "Content-Type: multipart/mixed; boundary=a\n\n" +
			strings.Repeat("--a\nContent-Type: multipart/mixed; boundary=a\n\n", 9),
	} {
		if got, err := walk(t, text, wide()); err == nil {
			t.Errorf("%s: %q, and no error", name, got)
		}
	}
}

func TestAnErrorOfTheVisitEndsTheWalk(t *testing.T) {
	visits, enough := 0, errors.New("enough")
	header := textproto.MIMEHeader{"Content-Type": {"multipart/mixed; boundary=b"}}
	err := mimeparts.Walk(header, strings.NewReader("--b\r\n\r\na\r\n--b\r\n\r\nb\r\n--b--\r\n"), wide(),
		func(mimeparts.Part) error {
			visits++
			return enough
		})
	if !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%v after %d visits", err, visits)
	}
}
