package confirm

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// The data of a record is packed before it is sealed, in the format of S2 with a dictionary of what most records say
// alike: what browsers call themselves, and how relays begin their replies. Of a record with one signup it leaves three
// quarters, for a microsecond.
//
// Package s2 unpacks it. Packing is done here, because with a dictionary s2 keeps a table of 64 KiB on the stack, which
// each goroutine that packs has to grow for it: docs/decisions/packing.md.

// phrases is part of the data and never changes. What is in it need not stay common: text that is not in it is only a
// little longer. What is said most stands last.
const phrases = "" +
	"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 " +
	"Mobile/15E148 Safari/604.1" +
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 " +
	"Mobile/15E148 Safari/604.1" +
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 " +
	"Safari/605.1.15" +
	"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0" +
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0" +
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 " +
	"Chrome/142.0.0.0 Mobile Safari/537.36" +
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 " +
	"Safari/537.36" +
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36" +
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 " +
	"Edg/142.0.0.0" +
	"250 2.6.0 <@> [InternalId=, Hostname=] Queued mail for delivery -> 250 2.1.5" +
	"250 2.0.0 OK  - gsmtp" +
	"250 Message accepted for delivery" +
	"250 2.0.0 Ok: queued as " +
	"https://www."

var dictionary = s2.MakeDict([]byte(phrases), nil)

// maxUnpacked is the size limit of a record's data, in bytes.
const maxUnpacked = 1 << 20

// A pair of tables says where four bytes that have a hash were seen: in phrases, as it is the same for all, and in what
// has been packed so far. Places are counted from 1, so that 0 is none.
const (
	hashBits = 11 // of phrases; what is packed is mostly shorter
	seenBits = 9
)

var phraseAt = func() (at [1 << hashBits]uint16) {
	for i := 0; i+4 <= len(phrases); i++ {
		at[hashOf(phrases[i:], hashBits)] = uint16(i + 1)
	}
	return at
}()

func hashOf[T string | []byte](four T, bits int) uint32 {
	v := uint32(four[0]) | uint32(four[1])<<8 | uint32(four[2])<<16 | uint32(four[3])<<24
	return v * 2654435761 >> (32 - bits)
}

// pack returns data as a block of S2. It takes the longer of the two matches that the tables name.
func pack(data []byte) []byte {
	packed := binary.AppendUvarint(make([]byte, 0, len(data)+8), uint64(len(data)))
	var seen [1 << seenBits]uint32
	from := 0 // what comes before is packed
	for i := 0; i+4 <= len(data); {
		rest := data[i:]
		offset, length := 0, 0
		if at := int(phraseAt[hashOf(rest, hashBits)]); at > 0 && i <= maxOffset-len(phrases) {
			offset, length = i+len(phrases)-(at-1), matching(rest, phrases[at-1:])
		}
		last := &seen[hashOf(rest, seenBits)]
		if at := int(*last); at > 0 && i-(at-1) <= maxOffset {
			if n := matching(rest, data[at-1:]); n >= length {
				offset, length = i-(at-1), n
			}
		}
		*last = uint32(i + 1)
		if length < 4 || length == 4 && offset >= maxNear { // what would stand for it is not shorter
			i++
			continue
		}
		packed = appendCopy(appendLiteral(packed, data[from:i]), offset, length)
		for from = i + length; i < from; i++ {
			if i+4 <= len(data) {
				seen[hashOf(data[i:], seenBits)] = uint32(i + 1)
			}
		}
	}
	return appendLiteral(packed, data[from:])
}

// matching returns how many bytes two texts begin with alike.
func matching[T string | []byte](a []byte, b T) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// How a block of S2 says where a copy is from: by 11 bits if the copy is short too, else by 16.
const (
	maxNear   = 1 << 11
	maxOffset = 1<<16 - 1
)

// appendLiteral appends text that stands for itself.
func appendLiteral(packed, text []byte) []byte {
	switch n := len(text) - 1; {
	case n < 0:
		return packed
	case n < 60:
		packed = append(packed, byte(n)<<2)
	case n < 1<<8:
		packed = append(packed, 60<<2, byte(n))
	case n < 1<<16:
		packed = append(packed, 61<<2, byte(n), byte(n>>8))
	default:
		packed = append(packed, 62<<2, byte(n), byte(n>>8), byte(n>>16))
	}
	return append(packed, text...)
}

// appendCopy appends that so many bytes are as they were offset bytes before; phrases comes before all others.
func appendCopy(packed []byte, offset, length int) []byte {
	for length > 0 {
		if 4 <= length && length <= 11 && offset < maxNear {
			return append(packed, 1|byte(length-4)<<2|byte(offset>>8)<<5, byte(offset))
		}
		n := min(length, 64)
		packed = append(packed, 2|byte(n-1)<<2, byte(offset), byte(offset>>8))
		length -= n
	}
	return packed
}

// unpack returns what was packed; errDamaged.
func unpack(packed []byte) ([]byte, error) {
	if n, err := s2.DecodedLen(packed); err != nil || n > maxUnpacked {
		return nil, fmt.Errorf("%w: it does not unpack", errDamaged)
	}
	data, err := dictionary.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return data, nil
}
