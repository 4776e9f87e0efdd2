package relay_test

import (
	"bufio"
	"errors"
	"net"
	"net/textproto"
	"testing"
	"time"

	"github.com/optin/optin/internal/relay"
)

// What is no mail server says something else, and then waits for us.
func TestAnAnswerThatIsNotSMTPIsNotWaitedFor(t *testing.T) {
	for says, is := range map[string]struct {
		code  int
		words string
		wrong bool
	}{
		"220 relay.example\r\n":              {220, "relay.example", false},
		"220-relay.example\r\n220 ready\r\n": {220, "relay.example\nready", false},
		"220\r\n":                            {0, "", true},
		"SSH-2.0-OpenSSH_9.2p1\r\n":          {0, "", true},
		"S":                                  {0, "", true},
		"22":                                 {0, "", true}, // and no more
		"* OK IMAP4rev1\r\n":                 {0, "", true},
		"HTTP/1.1 400 Bad Request\r\n":       {0, "", true},
		"\r\n":                               {0, "", true},
		"\x00\x00\x00\x4a":                   {0, "", true},
	} {
		us, peer := net.Pipe()
		go func() { _, _ = peer.Write([]byte(says)) }()
		wait := 5 * time.Second
		if says == "22" {
			wait = 10 * time.Millisecond
		}
		began := time.Now()
		_ = us.SetDeadline(began.Add(wait))
		code, words, err := relay.ReadReply(textproto.NewReader(bufio.NewReader(us)), 220)
		garbled := textproto.ProtocolError("")
		if (err != nil) != is.wrong || !is.wrong && (code != is.code || words != is.words) {
			t.Errorf("%q: %d %q %v", says, code, words, err)
		}
		if is.wrong && says != "22" && (!errors.As(err, &garbled) || time.Since(began) >= wait) {
			t.Errorf("%q: %v after %v", says, err, time.Since(began))
		}
		_, _ = us.Close(), peer.Close()
	}
}
