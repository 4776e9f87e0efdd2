package redis

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Durability says what a server must promise before Ready calls it safe.
type Durability string

// The durabilities, the strictest first.
const (
	Always   Durability = "always"   // appendfsync always: what is acknowledged survives a power cut
	EverySec Durability = "everysec" // appendfsync everysec: a power cut may take the last second or two
	None     Durability = "none"     // no append-only file asked for; eviction is refused all the same
)

// ParseDurability returns the Durability of a word of the configuration.
func ParseDurability(word string) (Durability, error) {
	switch d := Durability(word); d {
	case Always, EverySec, None:
		return d, nil
	}
	return "", fmt.Errorf("durability is %q: write always, everysec or none", word)
}

// Options say which servers Open uses, and how. Only URL is required.
type Options struct {
	// URL names the servers and may say the durability. A user name and password are percent-encoded.
	//
	//	redis://[user:password@]host[:6379][/db][?durability=always]
	//	redis+sentinel://[user:password@]host[:26379],host2[:26379]/mastername[/db]    or [/db]?master=mastername
	//	redis+cluster://[user:password@]host[:6379],host2[:6379]
	//
	// rediss://, rediss+sentinel:// and rediss+cluster:// are the same over TLS. The user and password are those of the
	// servers that hold data. Sentinels get none, or the one of ?sentinel_password=.
	URL string

	Durability Durability       // empty: as the URL says, or Always
	Log        *slog.Logger     // nil: silent
	TLS        *tls.Config      // for rediss; nil: the system's authorities, TLS 1.2 or later
	Budget     time.Duration    // how long a call may take while the server is away; 0: 900 ms
	Pool       int              // connections per server; 0: ten per processor
	Now        func() time.Time // nil: time.Now
	Random     io.Reader        // nil: crypto/rand; read by many goroutines at once
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Budget == 0 {
		o.Budget = 900 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}
