package request

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// HeaderForwarded is that of RFC 7239.
const HeaderForwarded = "Forwarded"

// ClientIP returns an echo.IPExtractor, so that Context.RealIP returns the client's IP; empty if it is not known.
// Echo's default believes anybody's X-Forwarded-For: evidence of consent could be forged. header is where trusted
// proxies name their client: X-Forwarded-For or HeaderForwarded. silent is called for each request from one that does
// not.
func ClientIP(trusted []netip.Prefix, header string, silent func()) echo.IPExtractor {
	named := forwardedFor
	if header == HeaderForwarded {
		named = forwarded
	}
	return func(r *http.Request) string {
		a, known := clientAddr(r.RemoteAddr, named(r.Header), trusted)
		if !known {
			silent()
		}
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
}

// Client returns the client's address; the zero Addr if it is not known.
func Client(c echo.Context) netip.Addr {
	a, _ := netip.ParseAddr(c.RealIP())
	return a
}

// clientAddr returns the address of the peer or, if that is a trusted proxy, the right-most address that proxies name
// and that is not one of theirs: anybody may have named the addresses left of it. They name it in one header: a proxy
// that writes another one may pass this one on as a client made it up.
//
// It returns the zero Addr for an unknown peer, and if a trusted proxy names no client, or none that can be read: then
// known is false. To take the proxy for the client would make all people one.
func clientAddr(remote string, hops []string, trusted []netip.Prefix) (addr netip.Addr, known bool) {
	addr = parseAddr(remote)
	if !addr.IsValid() || trust(trusted, addr) == nil {
		return addr, true
	}
	for _, hop := range slices.Backward(hops) {
		next := parseAddr(hop)
		if !next.IsValid() {
			return netip.Addr{}, false
		}
		addr = next
		if trust(trusted, addr) == nil {
			return addr, true
		}
	}
	// Of a wider network, the last one named may be a person in it. One address that is trusted is a proxy.
	by := trust(trusted, addr)
	if addr == parseAddr(remote) || by.IsSingleIP() {
		return netip.Addr{}, false
	}
	return addr, true
}

// trust returns the trusted network that an address is in; nil if it is in none.
func trust(trusted []netip.Prefix, addr netip.Addr) *netip.Prefix {
	for i := range trusted {
		if trusted[i].Contains(addr) {
			return &trusted[i]
		}
	}
	return nil
}

// forwardedFor returns the addresses that proxies say in X-Forwarded-For they took a request from, the client's side
// first.
func forwardedFor(h http.Header) []string {
	all := strings.Join(h.Values(echo.HeaderXForwardedFor), ",")
	if strings.TrimSpace(all) == "" {
		return nil
	}
	return strings.Split(all, ",")
}

// forwarded returns those in Forwarded.
func forwarded(h http.Header) (all []string) {
	for _, element := range splitQuoted(strings.Join(h.Values(HeaderForwarded), ","), ',') {
		if strings.TrimSpace(element) == "" {
			continue
		}
		hop := ""
		for _, pair := range splitQuoted(element, ';') {
			name, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				hop = strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), `"`), `\`, "")
			}
		}
		all = append(all, hop)
	}
	return all
}

// splitQuoted returns the parts of a text between separators that are not in double quotes. It counts the quotes from
// the end, where the last proxy wrote: one that a client never closed does not swallow what comes after it.
func splitQuoted(text string, separator byte) (parts []string) {
	end, quoted := len(text), false
	for i := len(text) - 1; i >= 0; i-- {
		switch {
		case text[i] == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts = append(parts, text[i+1:end])
			end = i
		}
	}
	parts = append(parts, text[:end])
	slices.Reverse(parts)
	return parts
}

// parseAddr parses an address as RemoteAddr and proxies write it: with or without a port, which a proxy may hide, IPv6
// with or without brackets. A mapped IPv4 address is that IPv4 address; a zone is left out.
func parseAddr(s string) netip.Addr {
	s, _, _ = strings.Cut(strings.TrimSpace(s), ":_")
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
