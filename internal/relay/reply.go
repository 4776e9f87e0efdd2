package relay

import (
	"bytes"
	"net/textproto"
)

// ReadReply is textproto.Reader.ReadResponse for a peer that may be no mail server: a reply that does not begin with
// three digits is a textproto.ProtocolError at its first wrong byte. ReadResponse takes "SSH-2.0-…" for the first line
// of several, and waits for the others.
func ReadReply(from *textproto.Reader, want int) (code int, words string, err error) {
	for n := 1; n <= 3; n++ {
		begins, err := from.R.Peek(n)
		if err != nil {
			return 0, "", err
		}
		if last := begins[n-1]; last < '0' || last > '9' {
			line, _ := from.R.Peek(from.R.Buffered())
			line, _, _ = bytes.Cut(line, []byte("\n"))
			return 0, "", textproto.ProtocolError("invalid response code: " + string(line[:min(len(line), 200)]))
		}
	}
	return from.ReadResponse(want)
}
