package confirm

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// The data of a record is packed before it is sealed, by S2 with a dictionary of what most records say alike: what
// browsers call themselves, and how relays begin their replies. Of a record with one signup it leaves three quarters,
// for a microsecond.

// dictionary is part of the data and never changes. What is in it need not stay common: text that is not in it is only
// a little longer.
var dictionary = s2.MakeDict([]byte(""+
	"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "+
	"Mobile/15E148 Safari/604.1"+
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "+
	"Mobile/15E148 Safari/604.1"+
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "+
	"Safari/605.1.15"+
	"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"+
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"+
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 "+
	"Chrome/142.0.0.0 Mobile Safari/537.36"+
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "+
	"Safari/537.36"+
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"+
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 "+
	"Edg/142.0.0.0"+
	"250 2.6.0 <@> [InternalId=, Hostname=] Queued mail for delivery -> 250 2.1.5"+
	"250 2.0.0 OK  - gsmtp"+
	"250 Message accepted for delivery"+
	"250 2.0.0 Ok: queued as "+
	"https://www."), nil)

// maxUnpacked is the size limit of a record's data, in bytes.
const maxUnpacked = 1 << 20

func pack(data []byte) []byte { return dictionary.Encode(nil, data) }

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
