package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// topology says how the servers are arranged.
type topology int

const (
	single topology = iota
	sentinel
	cluster
)

// target is the parsed URL of Options. Its errors never repeat what could be a password.
type target struct {
	topology         topology
	tls              bool
	addrs            []string // host:port
	user, password   string
	sentinelPassword string
	master           string
	db               int
	durability       Durability // empty if the URL does not say
}

// parseURL does not use net/url, which accepts no list of hosts, and whose errors repeat the URL.
func parseURL(text string) (target, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return target{}, errors.New("it has no scheme: write redis://host:port/db")
	}
	var t target
	family, port := scheme, "6379"
	if t.tls = strings.HasPrefix(scheme, "rediss"); t.tls {
		family = "redis" + strings.TrimPrefix(scheme, "rediss")
	}
	switch family {
	case "redis":
	case "redis+sentinel":
		t.topology, port = sentinel, "26379"
	case "redis+cluster":
		t.topology = cluster
	default:
		return target{}, errors.New("unknown scheme: write redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path+query, "@") || strings.Contains(text, "#") {
		return target{}, errors.New("it has a '@' or '#' out of place: percent-encode the user name and password")
	}
	if err := t.credentials(&authority); err != nil {
		return target{}, err
	}
	if err := t.hosts(authority, port); err != nil {
		return target{}, err
	}
	if err := t.query(query); err != nil {
		return target{}, err
	}
	return t, t.path(path)
}

// credentials takes the user and password off the front of the authority.
func (t *target) credentials(authority *string) error {
	at := strings.LastIndexByte(*authority, '@')
	if at < 0 {
		return nil
	}
	user, password, _ := strings.Cut((*authority)[:at], ":")
	*authority = (*authority)[at+1:]
	var err1, err2 error
	t.user, err1 = url.PathUnescape(user)
	t.password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("its user name or password is not percent-encoded")
	}
	return nil
}

func (t *target) hosts(authority, port string) error {
	for i, one := range strings.Split(authority, ",") {
		if _, _, err := net.SplitHostPort(one); err != nil {
			one = net.JoinHostPort(strings.Trim(one, "[]"), port)
		}
		host, number, err := net.SplitHostPort(one)
		n, err2 := strconv.ParseUint(number, 10, 16)
		if err != nil || err2 != nil || host == "" || n == 0 {
			return fmt.Errorf("host %d is not host:port; a password before it must be percent-encoded", i+1)
		}
		t.addrs = append(t.addrs, one)
	}
	if t.topology == single && len(t.addrs) > 1 {
		return errors.New("it names several hosts: write redis+sentinel:// or redis+cluster://")
	}
	return nil
}

func (t *target) query(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows its '?' is not percent-encoded")
	}
	known := []string{"durability"}
	if t.topology == sentinel {
		known = append(known, "master", "sentinel_password")
	}
	for key, given := range values {
		if !slices.Contains(known, key) {
			return fmt.Errorf("unknown option %q: known are %s", key, strings.Join(known, ", "))
		}
		if len(given) > 1 {
			return fmt.Errorf("option %q is given %d times", key, len(given))
		}
	}
	t.master, t.sentinelPassword = values.Get("master"), values.Get("sentinel_password")
	if values.Has("durability") {
		t.durability, err = ParseDurability(values.Get("durability"))
	}
	return err
}

// path reads what follows the hosts: the master's name, unless the query gave it, then the number of the database.
func (t *target) path(path string) error {
	path = strings.TrimSuffix(path, "/")
	if t.topology == sentinel && t.master == "" {
		t.master, path, _ = strings.Cut(path, "/")
		if t.master == "" {
			return errors.New("it names no master: write redis+sentinel://host:port/mastername/db")
		}
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 16)
	switch {
	case err != nil:
		return errors.New("its database is not a number: end with /0, or with nothing")
	case t.topology == cluster && db != 0:
		return errors.New("a Cluster has database 0 only")
	}
	t.db = int(db)
	return nil
}
