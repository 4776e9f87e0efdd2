package webhook

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes: so much of its header, and so much of its body.
const maxAnswer = 64 << 10

// errNotPublic is the error for an address that only a private endpoint may have. It does not repeat the address.
type errNotPublic struct{}

func (errNotPublic) Error() string {
	return "its address is not a public one; if that is meant, set private: true for this webhook"
}

// onlyPublic is a net.Dialer.Control. It gets each address that is about to be dialled, after the name was resolved, so
// the address cannot change between the check and the call.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr()) {
		return errNotPublic{}
	}
	return nil
}

// public reports whether an address may belong to any host on the internet, by the IANA special-purpose address
// registries (RFC 6890). Of IPv6 only 2000::/3 may (RFC 4291 section 2.4): that leaves out loopback, link-local, unique
// local and site-local addresses, multicast, and the forms that embed an IPv4 address (::a.b.c.d, ::ffff:a.b.c.d,
// 64:ff9b::/96, 64:ff9b:1::/48). The exceptions within it are listed.
func public(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	global := netip.MustParsePrefix("2000::/3") // an address with a zone is in no prefix
	if a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range [...]string{
		"0.0.0.0/8",         // this network
		"10.0.0.0/8",        // private (RFC 1918)
		"100.64.0.0/10",     // carriers' NAT (RFC 6598)
		"127.0.0.0/8",       // loopback
		"168.63.129.16/32",  // Azure's host, although in public space
		"169.254.0.0/16",    // link-local, and clouds' metadata
		"172.16.0.0/12",     // private
		"192.0.0.0/24",      // protocol assignments (RFC 6890)
		"192.0.2.0/24",      // documentation (RFC 5737)
		"192.31.196.0/24",   // AS112 (RFC 7535)
		"192.52.193.0/24",   // AMT (RFC 7450)
		"192.88.99.0/24",    // 6to4 relays (RFC 7526)
		"192.168.0.0/16",    // private
		"192.175.48.0/24",   // AS112 (RFC 7534)
		"198.18.0.0/15",     // benchmarking (RFC 2544)
		"198.51.100.0/24",   // documentation
		"203.0.113.0/24",    // documentation
		"224.0.0.0/4",       // multicast
		"240.0.0.0/4",       // reserved, and broadcast
		"2001::/23",         // protocol assignments: Teredo (RFC 4380), benchmarking, ORCHID
		"2001:db8::/32",     // documentation (RFC 3849)
		"2002::/16",         // 6to4 (RFC 3056): holds an IPv4 address
		"2620:4f:8000::/48", // AS112
		"3ffe::/16",         // returned (RFC 3701)
		"3fff::/20",         // documentation (RFC 9637)
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return true
}

// newTransport makes the transport to one endpoint. It keeps connections for the next event. A call that ends early
// does not end its dialling, so dialling has timeouts of its own.
func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver}
	if !o.Endpoint.Private {
		dialer.Control = onlyPublic
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // single calls gain nothing from HTTP/2
	return &http.Transport{
		Proxy:                  nil, // a proxy could dial addresses that we may not
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    o.Timeout,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswer,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
	}
}
