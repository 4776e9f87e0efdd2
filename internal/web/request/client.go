package request

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// ClientIP returns an extractor of the client's IP for echo, so that Context.RealIP is it; empty if the peer is
// unknown. Echo's default believes anybody's X-Forwarded-For, and so consent evidence could be forged.
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

// clientAddr is the peer; or, if the peer is a trusted proxy, the right-most address of X-Forwarded-For that is not
// one. Anybody may have written what stands left of it. An entry that is no address ends the search at the proxy that
// named it. The zero Addr is an unknown peer.
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

// parseAddr reads an address as RemoteAddr and proxies write it: with or without a port, IPv6 with or without brackets.
// A mapped IPv4 address is that IPv4 address; a zone is left out.
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
