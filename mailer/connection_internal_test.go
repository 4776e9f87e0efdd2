package mailer

import (
	"io"
	"net/textproto"
	"strings"
	"testing"

	"github.com/optin/optin/internal/address"
)

// breaking takes so many bytes and no more.
type breaking struct {
	left, writes int
	got          strings.Builder
}

func (b *breaking) Read([]byte) (int, error) { return 0, io.EOF }
func (b *breaking) Close() error             { return nil }

func (b *breaking) Write(p []byte) (int, error) {
	b.writes++
	n := min(len(p), b.left)
	b.left -= n
	b.got.Write(p[:n])
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func connectionTo(b *breaking) *connection {
	c := &connection{}
	c.wire = &bounded{ReadWriteCloser: b}
	c.text = textproto.NewConn(c.wire)
	c.ready()
	return c
}

// Only a relay that may have got the dot may have taken the email, although more comes behind it in the same write.
func TestAnEmailWhoseDotWasNotWrittenWasNotSent(t *testing.T) {
	to, err := address.Parse("ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	next := &email{from: "bonjour@gazette.example", to: to}
	const behind = "MAIL FROM:<bonjour@gazette.example>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n"
	for lines, writes := range map[int]int{0: 1, 10: 1, 300: 1, 2000: 4} {
		e := &email{signature: "X: y\r\n", raw: []byte(strings.Repeat("..a line of 25 bytes....\r\n", lines))}
		whole := &breaking{left: 1 << 20}
		if at, err := connectionTo(whole).content(e, next); at != "" || err != nil || whole.writes > writes {
			t.Fatalf("%s: %v, %d writes", at, err, whole.writes)
		}
		content, ok := strings.CutSuffix(whole.got.String(), behind)
		if !ok || !strings.HasSuffix(content, "\r\n.\r\n") {
			t.Fatalf("it ends with %q", content[max(0, len(content)-100):])
		}
		dot := len(content)
		for _, left := range []int{0, 1, dot / 2, dot - 3, dot - 1, dot, dot + 1, dot + len(behind) - 1} {
			want := stepContent
			if left >= dot {
				want = stepDot
			}
			if at, err := connectionTo(&breaking{left: left}).content(e, next); at != want || err == nil {
				t.Errorf("%d of %d bytes to the dot were written: %s, %v; want %s", left, dot, at, err, want)
			}
		}
	}
}
