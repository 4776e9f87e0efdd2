package preflight_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/optin/optin/internal/conntest"
)

// nameServer answers for all names, by UDP and TCP, from the lines of a zone file. A line may also say that a name is
// answered with SERVFAIL, or not at all (SILENT).
type nameServer struct {
	addr string

	mu    sync.Mutex
	lines map[string][]string // by "name. TYPE": what follows
	asked map[string]int
}

var (
	zoneLine   = regexp.MustCompile(`^([-_a-z0-9.]+\.) (TXT|MX|A|AAAA|PTR|SERVFAIL|SILENT)(?: (.*))?$`)
	zoneString = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

func serveDNS(t *testing.T, lines ...string) *nameServer {
	t.Helper()
	s := &nameServer{lines: map[string][]string{}, asked: map[string]int{}}
	s.paste(t, lines...)
	var tcp net.Listener
	var udp net.PacketConn
	for range 20 { // until one port is free for both
		var err error
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.addr = tcp.Addr().String()
		if udp, err = net.ListenPacket("udp", s.addr); err == nil {
			break
		}
		tcp.Close()
	}
	if udp == nil {
		t.Fatal("no port is free for both UDP and TCP")
	}
	var all sync.WaitGroup
	all.Go(func() { s.datagrams(udp) })
	t.Cleanup(func() { udp.Close(); all.Wait() })
	conntest.Serve(t, tcp, s.stream)
	return s
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.addr)
	}}
}

// paste replaces the records of the same names and types by lines, as in editing a zone. A line without a value removes
// the records.
func (s *nameServer) paste(t *testing.T, lines ...string) (pasted int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[string]bool{}
	for _, line := range lines {
		m := zoneLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key := m[1] + " " + m[2]
		if !fresh[key] {
			fresh[key] = true
			delete(s.lines, key)
		}
		if m[3] != "" || m[2] == "SERVFAIL" || m[2] == "SILENT" {
			s.lines[key] = append(s.lines[key], m[3])
		}
		pasted++
	}
	return pasted
}

func (s *nameServer) datagrams(c net.PacketConn) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if answer := s.answer(b[:n], 512); answer != nil {
			_, _ = c.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) stream(c net.Conn) {
	var size uint16
	if binary.Read(c, binary.BigEndian, &size) != nil {
		return
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(c, b); err != nil {
		return
	}
	if answer := s.answer(b, 1<<16); answer != nil {
		_ = binary.Write(c, binary.BigEndian, uint16(len(answer)))
		_, _ = c.Write(answer)
	}
}

// answer returns the answer to a question, or nil for none. An answer longer than most is truncated.
func (s *nameServer) answer(question []byte, most int) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(question)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(q.Name.String())
	kind := strings.TrimPrefix(q.Type.String(), "Type")
	if most == 512 {
		s.asked[name+" "+kind]++
	}
	if _, silent := s.lines[name+" SILENT"]; silent {
		return nil
	}
	m := dnsmessage.Message{Questions: []dnsmessage.Question{q}}
	m.Header = dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RecursionAvailable: true,
		RecursionDesired: true}
	if _, broken := s.lines[name+" SERVFAIL"]; broken {
		m.RCode = dnsmessage.RCodeServerFailure
	} else if !s.knows(name) {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, value := range s.lines[name+" "+kind] {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: body(q.Type, value)})
	}
	b, err := m.Pack()
	if err == nil && len(b) > most {
		m.Answers, m.Truncated = nil, true
		b, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return b
}

func (s *nameServer) knows(name string) bool {
	for key := range s.lines {
		if strings.HasPrefix(key, name+" ") {
			return true
		}
	}
	return false
}

func body(kind dnsmessage.Type, value string) dnsmessage.ResourceBody {
	switch kind {
	case dnsmessage.TypeTXT:
		var r dnsmessage.TXTResource
		for _, m := range zoneString.FindAllStringSubmatch(value, -1) {
			r.TXT = append(r.TXT, strings.ReplaceAll(m[1], `\"`, `"`))
		}
		return &r
	case dnsmessage.TypeMX:
		weight, host, _ := strings.Cut(value, " ")
		n, _ := strconv.Atoi(weight)
		return &dnsmessage.MXResource{Pref: uint16(n), MX: dnsmessage.MustNewName(host)}
	case dnsmessage.TypeA:
		return &dnsmessage.AResource{A: netip.MustParseAddr(value).As4()}
	case dnsmessage.TypeAAAA:
		return &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(value).As16()}
	}
	return &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(value)}
}

// heard returns the names that were asked about for a type, sorted.
func (s *nameServer) heard(kind, prefix string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for q := range s.asked {
		if name, of, _ := strings.Cut(q, " "); of == kind && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
