package mailer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/templates"
)

// withPicture puts a picture beside the HTML of a message, so that it is shown without being fetched: in the place of
// the HTML comes a multipart/related (RFC 2387) of the HTML and the picture. go-mail would give both multiparts the
// same boundary.
func withPicture(raw []byte, boundary string, logo *theme.Logo) ([]byte, error) {
	between, inner := "--"+boundary, boundary+"r"
	html := []byte("\r\n" + between + "\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html;")
	at := bytes.Index(raw, html)
	end := bytes.LastIndex(raw, []byte("\r\n"+between+"--"))
	if at < 0 || end < at {
		return nil, errors.New("mailer: the message has no HTML to put a picture beside")
	}
	at += len("\r\n" + between + "\r\n")
	var b bytes.Buffer
	b.Write(raw[:at])
	fmt.Fprintf(&b, "Content-Type: multipart/related; type=\"text/html\";\r\n boundary=%[1]s\r\n\r\n--%[1]s\r\n", inner)
	b.Write(raw[at:end])
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Transfer-Encoding: base64\r\nContent-Type: %s\r\nContent-ID: <%s>\r\n"+
		"Content-Disposition: inline\r\n\r\n", inner, logo.Media, templates.EmailLogoID)
	text := base64.StdEncoding.EncodeToString(logo.Bytes)
	for len(text) > 0 {
		n := min(len(text), 76) // RFC 2045, section 6.8
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	fmt.Fprintf(&b, "\r\n--%s--\r\n", inner)
	b.Write(raw[end:])
	return b.Bytes(), nil
}
