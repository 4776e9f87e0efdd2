package webhook_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
)

// names is a resolver that knows every name under these addresses: what a C library does to the odd spellings of an
// address, and what whoever owns a name can do to it.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	var known []netip.Addr
	for _, a := range addresses {
		known = append(known, netip.MustParseAddr(a))
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe() // no net.PacketConn: the resolver speaks DNS over TCP on it
		go func() {
			defer theirs.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(theirs, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(theirs, question); err != nil {
					return
				}
				answer := resolve(question, known)
				if _, err := theirs.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// resolve answers the one question of a DNS message (RFC 1035 section 4.1).
func resolve(message []byte, known []netip.Addr) []byte {
	end := 12
	for message[end] != 0 {
		end += int(message[end]) + 1
	}
	end += 5 // the root, the type, the class
	kind := binary.BigEndian.Uint16(message[end-4:])
	var records []byte
	count := uint16(0)
	for _, a := range known {
		if want := map[bool]uint16{true: 1, false: 28}[a.Is4()]; want != kind {
			continue
		}
		raw := a.AsSlice()
		records = append(records, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
		records = append(records, raw...)
		count++
	}
	head := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1}, byte(count>>8), byte(count), 0, 0, 0, 0)
	return append(append(head, message[12:end]...), records...)
}
