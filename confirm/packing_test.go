package confirm_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/optin/optin/confirm"
)

// unpacked returns what package s2 makes of what was packed.
func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	n, err := s2.DecodedLen(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := confirm.Dictionary.Decode(make([]byte, 0, n), packed)
	if err != nil {
		t.Fatalf("s2 does not read it: %v", err)
	}
	return data
}

// texts returns up to n bytes as records may have them: parts of what is common, of what came before, and of noise.
func texts(r *rand.Rand, n int) (data []byte) {
	part := func(of []byte) []byte {
		from := r.IntN(len(of))
		return of[from : from+min(r.IntN(200), len(of)-from)]
	}
	for len(data) < n {
		switch kind := r.IntN(4); {
		case kind == 0:
			data = append(data, part([]byte(confirm.Phrases))...)
		case kind == 1 && len(data) > 0:
			data = append(data, part(data)...)
		case kind == 2:
			data = append(data, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(100))...)
		default:
			for range r.IntN(100) {
				data = append(data, byte(r.Uint32()))
			}
		}
	}
	return data[:n]
}

func TestWhatIsPackedIsUnpacked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const phrases = confirm.Phrases
	data := [][]byte{nil, []byte("a"), []byte("abc"), []byte(phrases), []byte(phrases + phrases)}
	for n := range 2000 {
		data = append(data, texts(r, n))
	}
	for _, n := range []int{60_000, 65_535, 65_536, 65_600, 70_000, 200_000, confirm.MaxUnpacked} {
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		data = append(data, texts(r, n), noise, make([]byte, n))
	}
	for _, d := range data {
		packed := confirm.Pack(d)
		if got := unpacked(t, packed); !bytes.Equal(got, d) {
			t.Fatalf("of %d bytes come %d others: %.200q", len(d), len(got), d)
		}
		if most := s2.MaxEncodedLen(len(d)); len(packed) > most {
			t.Errorf("%d bytes are packed into %d, which is more than %d", len(d), len(packed), most)
		}
	}
}

// TestPackingLeavesAsLittleAsTheLibraryWould compares sizes of records. Either may find a match that the other misses.
func TestPackingLeavesAsLittleAsTheLibraryWould(t *testing.T) {
	for _, agent := range []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 " +
			"Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 " +
			"Safari/605.1.15",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile " +
			"Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
		"curl/8.14.1",
	} {
		s := pendingRecord(t)
		s.Requests[0].Asked.UserAgent = agent
		packed, err := confirm.EncodeSubscription(s)
		if err != nil {
			t.Fatal(err)
		}
		if theirs := len(confirm.Dictionary.Encode(nil, unpacked(t, packed))); len(packed) > theirs+4 {
			t.Errorf("%d bytes are left, and %d by package s2: %s", len(packed), theirs, agent)
		}
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(confirm.Phrases[:500] + "and " + confirm.Phrases[200:700]))
	f.Add(bytes.Repeat([]byte("250 2.0.0 Ok: queued as "), 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := unpacked(t, confirm.Pack(data)); !bytes.Equal(got, data) {
			t.Errorf("%q becomes %q", data, got)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	packed, err := confirm.EncodeSubscription(everything())
	if err != nil {
		b.Fatal(err)
	}
	data, err := confirm.Dictionary.Decode(nil, packed)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		confirm.Pack(data)
	}
}
