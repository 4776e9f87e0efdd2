package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Durability says what an acknowledged change must survive.
type Durability string

// The durabilities, strictest first.
const (
	DurabilityAlways   Durability = "always"   // a power cut
	DurabilityEverySec Durability = "everysec" // the end of the process; a power cut may lose the last second or two
	DurabilityNone     Durability = "none"     // nothing is promised
	// DurabilityManaged is what the operator of a Redis promises who lets nobody ask for its settings.
	DurabilityManaged Durability = "managed"
)

// Location says where a store keeps its data, and how durably. ParseLocation makes it. It prints without its passwords.
type Location struct {
	Scheme     string // sqlite; redis, redis+sentinel or redis+cluster; or one of these three with rediss, for TLS
	Path       string // of sqlite: the file, absolute
	Durability Durability

	// Of Redis.
	Hosts            []string // host:port, with brackets around an IPv6 address; several for Sentinels and Clusters
	User, Password   string   // of the servers that hold data
	Master           string   // the name of the master that the Sentinels watch
	SentinelPassword string
	Database         int // always 0 of a Cluster
	// Replicas is how many replicas must have a change before it is acknowledged: 0 of a Cluster; of Sentinels 1,
	// unless the URL says otherwise or asks for no durability.
	Replicas int
}

// TLS reports whether connections to Redis are encrypted.
func (l Location) TLS() bool { return strings.HasPrefix(l.Scheme, "rediss") }

// Sentinel reports whether Hosts are Sentinels.
func (l Location) Sentinel() bool { return strings.HasSuffix(l.Scheme, "+sentinel") }

// Cluster reports whether Hosts are nodes of a Redis Cluster.
func (l Location) Cluster() bool { return strings.HasSuffix(l.Scheme, "+cluster") }

// String returns the URL without user and passwords.
func (l Location) String() string {
	path := l.Path
	if l.Scheme != "sqlite" {
		path = "/" + strconv.Itoa(l.Database)
	}
	if l.Sentinel() {
		path = "/" + l.Master + path
	}
	query := "?durability=" + string(l.Durability)
	if l.Replicas != l.usualReplicas() {
		query += "&replicas=" + strconv.Itoa(l.Replicas)
	}
	return l.Scheme + "://" + strings.Join(l.Hosts, ",") + path + query
}

// Format writes String for every verb.
func (l Location) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.String()) }

// MarshalText returns String, for JSON and slog.
func (l Location) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// What ParseLocation finds wrong. A value may be a password, so none is repeated.
var (
	errScheme = errors.New("must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or sqlite:///")
	errURL    = errors.New("is not a URL such as redis://127.0.0.1:6379/0; percent-encode / ? # @ in a password " +
		"as %2F %3F %23 %40")
	errFile = errors.New("must give the absolute path of a file, with three slashes: " +
		"sqlite:///var/lib/optin/optin.db")
	errHost       = errors.New("must name a host, and a port from 1 to 65535 if any: redis://127.0.0.1:6379/0")
	errHosts      = errors.New("names several hosts, which only redis+sentinel:// and redis+cluster:// take")
	errMaster     = errors.New("must name the master that the sentinels watch: redis+sentinel://host:26379/mymaster/0")
	errDatabase   = errors.New("must end with the number of a database, such as /0; a cluster has /0 only")
	errDurability = errors.New("has an unknown option; only ?durability=always, ?durability=everysec and " +
		"?durability=none are known, and of Redis ?durability=managed and, unless it is a cluster, ?replicas=0 to 9")
	errTwice = errors.New("has an option twice; keep one")
)

// maxReplicas is the largest Location.Replicas.
const maxReplicas = 9

// ParseLocation parses one of
//
//	sqlite:///absolute/path
//	redis://[user:password@]host[:6379][/database]
//	redis+sentinel://[user:password@]host[:26379],host2[:26379]/master[/database]    or [/database]?master=name
//	redis+cluster://[user:password@]host[:6379],host2[:6379]
//
// each with ?durability=always, the default, everysec or none, and of Redis managed; and of Redis but a Cluster with
// ?replicas=0 to 9. rediss://, rediss+sentinel:// and rediss+cluster:// are the same over TLS. The user and the
// password are percent-encoded and are those of the servers that hold data; Sentinels are asked without, or with
// ?sentinel_password=.
//
// An error says what is wrong as the rest of a sentence about the text ("must begin with …"), and never repeats it.
func ParseLocation(text string) (Location, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	l := Location{Scheme: scheme}
	if !slices.Contains([]string{"sqlite", "redis", "redis+sentinel", "redis+cluster"},
		strings.Replace(scheme, "rediss", "redis", 1)) {
		return Location{}, errScheme
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	unescaped, err := url.PathUnescape(path)
	if err != nil || strings.Contains(text, "#") || strings.ContainsFunc(text, isLineBreak) {
		return Location{}, errURL
	}
	if err := l.parseQuery(query); err != nil {
		return Location{}, err
	}
	if scheme == "sqlite" {
		if authority != "" || !slash || unescaped == "" || strings.HasSuffix(unescaped, "/") {
			return Location{}, errFile
		}
		l.Path = "/" + unescaped
		return l, nil
	}
	if strings.Contains(path+query, "@") { // of a password that is not percent-encoded
		return Location{}, errURL
	}
	if err := l.parseAuthority(authority); err != nil {
		return Location{}, err
	}
	if err := l.parsePath(unescaped); err != nil {
		return Location{}, err
	}
	return l, nil
}

// isLineBreak reports whether a character may break a line or control a terminal.
func isLineBreak(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// parseQuery parses the options after the question mark.
func (l *Location) parseQuery(query string) error {
	options, err := url.ParseQuery(query)
	if err != nil {
		return errDurability
	}
	l.Durability, l.Replicas = DurabilityAlways, -1
	for name, values := range options {
		switch {
		case len(values) > 1:
			return errTwice
		case name == "durability":
			l.Durability = Durability(values[0])
		case name == "replicas" && l.Scheme != "sqlite" && !l.Cluster():
			n, err := strconv.ParseUint(values[0], 10, 8)
			if err != nil || n > maxReplicas {
				return errDurability
			}
			l.Replicas = int(n)
		case name == "master" && l.Sentinel():
			l.Master = values[0]
		case name == "sentinel_password" && l.Sentinel():
			l.SentinelPassword = values[0]
		default:
			return errDurability
		}
	}
	known := []Durability{DurabilityAlways, DurabilityEverySec, DurabilityNone}
	if l.Scheme != "sqlite" {
		known = append(known, DurabilityManaged)
	}
	if !slices.Contains(known, l.Durability) {
		return errDurability
	}
	if l.Replicas < 0 {
		l.Replicas = l.usualReplicas()
	}
	return nil
}

// usualReplicas returns Replicas where the URL does not say.
func (l Location) usualReplicas() int {
	if l.Sentinel() && l.Durability != DurabilityNone {
		return 1
	}
	return 0
}

// parseAuthority parses the login and the hosts. net/url takes only one host.
func (l *Location) parseAuthority(authority string) error {
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		authority = authority[at+1:]
		var err1, err2 error
		l.User, err1 = url.PathUnescape(user)
		l.Password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return errURL
		}
	}
	usual := "6379"
	if l.Sentinel() {
		usual = "26379"
	}
	for _, one := range strings.Split(authority, ",") {
		u, err := url.Parse("//" + one)
		if err != nil || u.Host != one || u.Hostname() == "" || strings.HasSuffix(one, ":") {
			return errHost
		}
		host := u.Hostname()
		if strings.HasPrefix(one, "[") {
			if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
				return errHost
			}
			host = "[" + host + "]"
		}
		port := cmp.Or(u.Port(), usual)
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errHost
		}
		l.Hosts = append(l.Hosts, host+":"+port)
	}
	if len(l.Hosts) > 1 && !l.Sentinel() && !l.Cluster() {
		return errHosts
	}
	return nil
}

// parsePath parses what follows the hosts of Redis: the master's name, unless the query gave it, then the database.
func (l *Location) parsePath(path string) error {
	if l.Sentinel() && l.Master == "" {
		if l.Master, path, _ = strings.Cut(path, "/"); l.Master == "" {
			return errMaster
		}
	}
	if path == "" {
		return nil
	}
	n, err := strconv.ParseUint(path, 10, 16)
	if err != nil || l.Cluster() && n != 0 {
		return errDatabase
	}
	l.Database = int(n)
	return nil
}
