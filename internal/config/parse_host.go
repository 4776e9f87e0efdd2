package config

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// parseListen takes host:port; the host may be left out.
func parseListen(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isPort(port, false) || host != "" && !isHost(host) {
		return "", errors.New("must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this machine")
	}
	return s, nil
}

// parseOptionalListen takes nothing as well.
func parseOptionalListen(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return parseListen(s)
}

// parseNetwork takes 10.0.0.0/8 or one address.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, errors.New("must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8")
	case p != p.Masked():
		return p, errors.New("has bits set after its prefix length; write the network's first address, such as 10.0.0.0/8")
	case p.Bits() == 0:
		return p, errors.New("would trust every client; name the networks of your own proxies")
	}
	return p, nil
}

// isPort tells whether s is a port; 0 asks for any free one. Nothing is a port only if that is allowed.
func isPort(s string, maybeNone bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" && maybeNone || err == nil && (n > 0 || !maybeNone)
}

// isHost tells whether s is an address or a name of letters, digits and hyphens (RFC 1123, section 2.1).
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, idLetters+"_") != "" {
			return false
		}
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	return strings.Trim(last, "0123456789") != ""
}

// isLoopback tells whether a host can only be this machine (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isPrivate tells whether a host is written as an address, or name, that no outside receiver has.
func isPrivate(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return isLoopback(host)
	}
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}
