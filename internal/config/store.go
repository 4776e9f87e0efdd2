package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Durability is what the server must give before an answer is an acknowledgement.
type Durability string

// The durabilities, strictest first.
const (
	Always   Durability = "always"
	EverySec Durability = "everysec"
	None     Durability = "none"
)

// Store says where records are kept. It prints without its password.
type Store struct {
	Scheme     string     // redis, rediss, redis+sentinel, redis+cluster or sqlite
	Hosts      []string   // as written, host or host:port; several for redis+sentinel and redis+cluster; none for sqlite
	Path       string     // sqlite: the file, absolute; redis: what follows the host, such as /0
	Durability Durability // always if not given
	raw        string     // as given, with user and password
}

// URL returns the address as it was given, password and all: for opening the store, never for a log.
func (s Store) URL() string { return s.raw }

// String returns the address without user and password.
func (s Store) String() string {
	return s.Scheme + "://" + strings.Join(s.Hosts, ",") + s.Path + "?durability=" + string(s.Durability)
}

// Format writes String whatever the verb.
func (s Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is for slog.
func (s Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is for JSON.
func (s Store) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// readStore reads store or store_file.
func readStore(top group) Store { return checked(top.requiredSecret("store"), parseStore) }

// parseStore takes a store's address. Sentinels and cluster nodes may be several, with commas between them, which net/url
// does not read; so the host's part is cut out first.
func parseStore(raw string) (Store, error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found || !slices.Contains([]string{"redis", "rediss", "redis+sentinel", "redis+cluster", "sqlite"}, scheme) {
		return Store{}, errors.New("must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or sqlite:///")
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	u, err := url.Parse(scheme + "://" + authority[:strings.LastIndexByte(authority, '@')+1] + "host" + tail)
	if err != nil || strings.Contains(tail, "#") || strings.ContainsFunc(raw, isControl) {
		return Store{}, errors.New("is not a URL such as redis://127.0.0.1:6379/0; percent-encode / ? # @ in a password as %2F %3F %23 %40")
	}
	s := Store{Scheme: scheme, Path: u.Path, raw: raw}
	if s.Durability, err = parseDurability(u.RawQuery); err != nil {
		return Store{}, err
	}
	if scheme == "sqlite" {
		if authority != "" || len(s.Path) < 2 || strings.HasSuffix(s.Path, "/") {
			return Store{}, errors.New("must give the absolute path of a file, with three slashes: sqlite:///var/lib/optin/optin.db")
		}
		return s, nil
	}
	s.Hosts = strings.Split(authority[strings.LastIndexByte(authority, '@')+1:], ",")
	return s, s.checkServer()
}

// checkServer says what is wrong with the hosts and path of a Redis.
func (s Store) checkServer() error {
	if len(s.Hosts) > 1 && s.Scheme != "redis+sentinel" && s.Scheme != "redis+cluster" {
		return errors.New("names several hosts, which only redis+sentinel:// and redis+cluster:// take")
	}
	for _, h := range s.Hosts {
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host, port = strings.Trim(h, "[]"), "1"
		}
		if !isHost(host) || !isPort(port, false) || port == "0" {
			return errors.New("must name a host, and a port from 1 to 65535 if any: redis://127.0.0.1:6379/0")
		}
	}
	path := strings.TrimPrefix(s.Path, "/")
	if s.Scheme == "redis+sentinel" {
		var name string
		if name, path, _ = strings.Cut(path, "/"); name == "" {
			return errors.New("must name the master that the sentinels watch: redis+sentinel://host:26379/mymaster/0")
		}
	}
	if len(path) > 4 || strings.Trim(path, "0123456789") != "" || s.Scheme == "redis+cluster" && strings.Trim(path, "0") != "" {
		return errors.New("must end with the number of a database, such as /0; a cluster has /0 only")
	}
	return nil
}

// parseDurability takes the one setting that may follow a store's address.
func parseDurability(query string) (Durability, error) {
	if query == "" {
		return Always, nil
	}
	name, d, _ := strings.Cut(query, "=")
	if name != "durability" || !slices.Contains([]Durability{Always, EverySec, None}, Durability(d)) {
		return "", errors.New("has an unknown option; only ?durability=always, ?durability=everysec and ?durability=none are known")
	}
	return Durability(d), nil
}
