package config

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// TLS is how the connection to the relay is guarded.
type TLS string

// The ways to guard it.
const (
	TLSOffered  TLS = "offered"  // smtp://: STARTTLS when the relay offers it
	TLSRequired TLS = "required" // smtp://…?tls=required: STARTTLS, or no letter leaves
	TLSOff      TLS = "off"      // smtp://…?tls=off
	TLSImplicit TLS = "implicit" // smtps://: TLS from the first byte (RFC 8314)
)

// SMTP is the relay that takes letters.
type SMTP struct {
	Host        string
	Port        int // 587 for smtp:// and 465 for smtps:// if not given (RFC 8314, section 3.3)
	TLS         TLS
	Username    string // empty: no authentication
	Password    Secret
	Connections int // 1 to 64
	DKIM        []DKIM
}

// Addr is the relay's host:port.
func (s SMTP) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// URL is the relay's address with its port, user and password: for opening a connection, never for a log.
func (s SMTP) URL() *url.URL {
	u := &url.URL{Scheme: "smtp", Host: s.Addr()}
	switch s.TLS {
	case TLSImplicit:
		u.Scheme = "smtps"
	case TLSRequired, TLSOff:
		u.RawQuery = "tls=" + string(s.TLS)
	}
	if s.Username != "" {
		u.User = url.UserPassword(s.Username, string(s.Password))
	}
	return u
}

// readSMTP reads the smtp section.
func readSMTP(v value) SMTP {
	g := v.group("url", "url_file", "connections", "dkim")
	s := checked(g.needed("url"), parseSMTP)
	s.Connections = optional(g.get("connections"), DefaultConnections, parseConnections)
	lines := map[string]int{}
	for _, item := range g.get("dkim").list() {
		d := readDKIM(item)
		name := d.String()
		if first, again := lines[name]; again && d.Domain != "" && d.Selector != "" {
			item.fail("is of the same domain and selector as that on line %d; keep one", first)
		}
		lines[name] = item.line
		s.DKIM = append(s.DKIM, d)
	}
	return s
}

// parseSMTP takes a relay's address.
func parseSMTP(raw string) (SMTP, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.ContainsFunc(raw, breaks):
		return SMTP{}, errors.New("is not an address such as smtp://user:pass@relay.example:587; write signs of a password such as / ? # @ as %2F %3F %23 %40")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return SMTP{}, errors.New("must begin with smtp:// or smtps://")
	case !isHost(u.Hostname()) || !isPort(u.Port(), true) || u.Path != "" && u.Path != "/" || strings.Contains(raw, "#"):
		return SMTP{}, errors.New("must have a host, a port from 1 to 65535 if any, and nothing after them but ?tls=required or ?tls=off")
	}
	s := SMTP{Host: strings.ToLower(u.Hostname())}
	s.Username = u.User.Username()
	password, _ := u.User.Password()
	s.Password = Secret(password)
	if (s.Username == "") != (password == "") {
		return SMTP{}, errors.New("must have both a user and a password before the host, or neither")
	}
	usual := map[string]string{"smtp": "587", "smtps": "465"}
	s.Port, _ = strconv.Atoi(cmp.Or(u.Port(), usual[u.Scheme]))
	s.TLS, err = parseTLS(u.Scheme, u.RawQuery)
	return s, err
}

// parseTLS takes what follows a relay's address.
func parseTLS(scheme, query string) (TLS, error) {
	switch {
	case scheme == "smtps" && query == "":
		return TLSImplicit, nil
	case scheme == "smtps":
		return "", errors.New("must end after the host and port: smtps:// always has TLS")
	case query == "":
		return DefaultTLS, nil
	case query == "tls=required":
		return TLSRequired, nil
	case query == "tls=off":
		return TLSOff, nil
	}
	return "", errors.New("may be followed by ?tls=required or ?tls=off only")
}
