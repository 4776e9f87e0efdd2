package config

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"slices"
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

// SMTP is how letters leave.
type SMTP struct {
	Relays      []Relay // at least one, tried in this order
	Connections int     // to each of them, 1 to 64
	DKIM        []DKIM
}

// Relay takes letters.
type Relay struct {
	Host     string
	Port     int // 587 for smtp:// and 465 for smtps:// if not given (RFC 8314, section 3.3)
	TLS      TLS
	Username string // empty: no authentication
	Password Secret
}

// Addr is the relay's host:port.
func (s Relay) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// URL is the relay's address with its port, user and password: for opening a connection, never for a log.
func (s Relay) URL() *url.URL {
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
	var s SMTP
	for _, relay := range g.neededList("url") {
		r := checked(relay, parseRelay)
		if r.Host != "" && slices.ContainsFunc(s.Relays, func(o Relay) bool { return o.Addr() == r.Addr() }) {
			relay.at.fail("names a relay that is already listed; keep one")
		}
		s.Relays = append(s.Relays, r)
	}
	s.Connections = optional(g.get("connections"), DefaultConnections, parseConnections)
	lines := map[string]int{}
	for _, item := range g.get("dkim").list() {
		d := readDKIM(item)
		name := d.String()
		if first, again := lines[name]; again && d.Domain != "" && d.Selector != "" {
			item.fail("has the same domain and selector as line %d; keep one", first)
		}
		lines[name] = item.line
		s.DKIM = append(s.DKIM, d)
	}
	return s
}

// parseRelay takes a relay's address.
func parseRelay(raw string) (Relay, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.ContainsFunc(raw, breaks):
		return Relay{}, errors.New("is not a URL such as smtp://user:pass@relay.example:587; percent-encode / ? # @ in a password as %2F %3F %23 %40")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return Relay{}, errors.New("must begin with smtp:// or smtps://")
	case !isHost(u.Hostname()) || !isPort(u.Port(), true) || u.Path != "" && u.Path != "/" || strings.Contains(raw, "#"):
		return Relay{}, errors.New("must have a host, a port from 1 to 65535 if any, followed by nothing except ?tls=required or ?tls=off")
	}
	s := Relay{Host: strings.ToLower(u.Hostname())}
	s.Username = u.User.Username()
	password, _ := u.User.Password()
	s.Password = Secret(password)
	if (s.Username == "") != (password == "") {
		return Relay{}, errors.New("must have both a user and a password before the host, or neither")
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
	return "", errors.New("has an unknown option; only ?tls=required and ?tls=off are known")
}
