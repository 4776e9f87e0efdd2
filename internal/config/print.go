package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// String says what is configured, on one line and without any secret.
func (c Config) String() string {
	sites := make([]string, len(c.Sites))
	for i, s := range c.Sites {
		sites[i] = s.ID
	}
	relays := make([]string, len(c.SMTP.Relays))
	for i, r := range c.SMTP.Relays {
		relays[i] = r.Addr()
	}
	public := ""
	if c.PublicURL != nil {
		public = c.PublicURL.Redacted()
	}
	return fmt.Sprintf("listen=%s public_url=%s secrets=%d store=%s smtp=%s connections=%d dkim=%d admin=%t metrics=%s sites=%s",
		c.Listen, public, len(c.Secrets), c.Store, strings.Join(relays, ","), c.SMTP.Connections, len(c.SMTP.DKIM),
		len(c.Admin.Password) > 0, c.Metrics.Listen, strings.Join(sites, ","))
}

// Format writes String whatever the verb, so that %+v and %#v show no secret either.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is for JSON.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
