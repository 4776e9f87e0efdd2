package mailer

import (
	"net"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// login authenticates by the first mechanism that both sides know, if there is somebody to be.
func (r relay) login(c *conn) error {
	if r.user == nil {
		return nil
	}
	if _, err := c.GetTLSConnectionState(); err != nil && !loopback(c.raw) {
		return unfit("the connection has no TLS, and a password is not sent in clear text: use smtps:// or a relay that offers STARTTLS")
	}
	_, offered := c.Extension("AUTH")
	name := r.user.Username()
	password, _ := r.user.Password()
	known := []struct {
		mechanism string
		auth      smtp.Auth
	}{
		// Over TLS with a verified certificate, which is the case or the peer is this machine, the plain ones are as good as any.
		{"PLAIN", smtp.PlainAuth("", name, password, r.host, true)},
		{"LOGIN", smtp.LoginAuth(name, password, r.host, true)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(name, password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(name, password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(name, password)},
	}
	mechanisms := strings.Fields(strings.ToUpper(offered))
	for _, k := range known {
		if slices.Contains(mechanisms, k.mechanism) {
			return c.Auth(k.auth)
		}
	}
	return unfit("the relay offers no mechanism of PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5")
}

// loopback tells whether the peer is this machine: by its address, not by what it is called.
func loopback(raw net.Conn) bool {
	at, ok := raw.RemoteAddr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}
