package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/optin/optin/confirm/consent"
)

// clientAddr is who sent a request: the peer; or, if the peer is a trusted proxy, the right-most address of X-Forwarded-For that is
// not one. What stands left of it anybody may have written. An entry that is no address ends the search at the proxy
// that named it. The zero Addr is an unknown peer.
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

// parseAddr reads an address as RemoteAddr and proxies write it: with or without a port, IPv6 with or without brackets. A
// mapped IPv4 address is that IPv4 address; a zone is left out.
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

func (s *Server) client(r *http.Request) netip.Addr {
	return clientAddr(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.opt.TrustedProxies)
}

// evidence is what is known of an act from its request.
func (s *Server) evidence(r *http.Request, how consent.Method) consent.Evidence {
	e := consent.Evidence{UserAgent: r.UserAgent(), Origin: r.Header.Get("Origin"), How: how}
	if a := s.client(r); a.IsValid() {
		e.IP = a.String()
	}
	return e
}
