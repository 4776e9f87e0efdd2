// Package relay says where a mail relay is and how it is reached. The configuration makes an Address once; the mailer and the
// checks before a start take it as it is.
package relay

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
)

// TLS says how a connection to a relay is encrypted.
type TLS string

// The TLS policies.
const (
	Offered  TLS = "offered"  // STARTTLS if the relay offers it
	Required TLS = "required" // STARTTLS, or no email is sent
	Off      TLS = "off"      // never
	Implicit TLS = "implicit" // TLS from the first byte (RFC 8314)
)

// Address is a relay: where it is, how the connection is encrypted, and the login. It prints without the password.
type Address struct {
	Host     string // a name, or an IP address without brackets
	Port     int
	TLS      TLS
	User     string // empty: no authentication
	Password string
}

// HostPort returns host:port, as net.Dial takes it.
func (a Address) HostPort() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// String returns a URL without user and password: smtp://host:port?tls=offered, or smtps://host:port.
func (a Address) String() string {
	if a.TLS == Implicit {
		return "smtps://" + a.HostPort()
	}
	return "smtp://" + a.HostPort() + "?tls=" + string(a.TLS)
}

// Format writes String for every verb.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue returns String for slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText returns String for JSON.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
