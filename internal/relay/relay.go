// Package relay says where a mail relay is and how it is reached. The configuration parses an Address once; the mailer
// and preflight take it as it is.
package relay

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
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

// ErrHost says that the host or the port is wrong.
var ErrHost = errors.New("must have a host, a port from 1 to 65535 if any, followed by nothing except ?tls=required " +
	"or ?tls=off")

// Parse parses smtp://[user:password@]host[:587][?tls=required|off], with STARTTLS if it is offered, or
// smtps://[user:password@]host[:465]. The default ports are those of RFC 8314, section 3.3. The user and the password
// are percent-encoded.
//
// An error says what is wrong as the rest of a sentence about the text ("must begin with …"), and never repeats it,
// because it may contain a password.
func Parse(text string) (Address, error) {
	u, err := url.Parse(text)
	control := func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
	switch {
	case err != nil || strings.ContainsFunc(text, control):
		return Address{}, errors.New("is not a URL such as smtp://user:pass@relay.example:587; percent-encode / ? # " +
			"@ in a password as %2F %3F %23 %40")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return Address{}, errors.New("must begin with smtp:// or smtps://")
	case u.Hostname() == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || strings.Contains(text, "#"):
		return Address{}, ErrHost
	}
	a := Address{Host: strings.ToLower(u.Hostname()), User: u.User.Username()}
	a.Password, _ = u.User.Password()
	if (a.User == "") != (a.Password == "") {
		return Address{}, errors.New("must have both a user and a password before the host, or neither")
	}
	usual := map[string]string{"smtp": "587", "smtps": "465"}[u.Scheme]
	port, err := strconv.ParseUint(cmp.Or(u.Port(), usual), 10, 16)
	if err != nil || port == 0 {
		return Address{}, ErrHost
	}
	a.Port = int(port)
	a.TLS, err = parseTLS(u.Scheme, u.RawQuery)
	return a, err
}

// parseTLS parses the TLS policy of a scheme and a query.
func parseTLS(scheme, query string) (TLS, error) {
	switch {
	case scheme == "smtps" && query == "":
		return Implicit, nil
	case scheme == "smtps":
		return "", errors.New("must end after the host and port: smtps:// always has TLS")
	case query == "":
		return Offered, nil
	case query == "tls=required":
		return Required, nil
	case query == "tls=off":
		return Off, nil
	}
	return "", errors.New("has an unknown option; only ?tls=required and ?tls=off are known")
}
