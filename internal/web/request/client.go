package request

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// ClientIP returns an echo.IPExtractor, so that Context.RealIP returns the client's IP; empty if the peer is unknown.
// Echo's default believes anybody's X-Forwarded-For: evidence of consent could be forged.
func ClientIP(trusted []netip.Prefix) echo.IPExtractor {
	return func(r *http.Request) string {
		a := clientAddr(r.RemoteAddr, r.Header.Values(echo.HeaderXForwardedFor), trusted)
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
}

// Client returns the client's address; the zero Addr if the peer is unknown.
func Client(c echo.Context) netip.Addr {
	a, _ := netip.ParseAddr(c.RealIP())
	return a
}

// clientAddr returns the address of the peer or, if that is a trusted proxy, the right-most address of X-Forwarded-For
// that is not one: anybody may have written the addresses left of it. An entry that is not an address ends the search
// at the proxy that added it. The zero Addr is an unknown peer.
func clientAddr(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	addr := parseAddr(remote)
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		believed := slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
		next := parseAddr(strings.Trim(hop, " \t"))
		if !believed || !next.IsValid() {
			break
		}
		addr = next
	}
	return addr
}

// parseAddr parses an address as RemoteAddr and proxies write it: with or without a port, IPv6 with or without
// brackets. A mapped IPv4 address is that IPv4 address; a zone is left out.
func parseAddr(s string) netip.Addr {
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
