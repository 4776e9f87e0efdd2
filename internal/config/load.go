package config

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/receipt"
)

// Load reads and checks the configuration at path. env looks up an environment variable, as os.LookupEnv does.
// languages are the locales that have built-in translations; if there are none, every well-formed locale is accepted.
// The error is Problems.
func Load(path string, env func(string) (string, bool), languages ...string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		what := "cannot be read: " + unreadable(err) + "; -config names the file"
		if errors.Is(err, fs.ErrNotExist) {
			what += ", and optin keys -sample prints one to begin with"
		}
		return nil, Problems{{File: path, Line: 1, What: what}}
	}
	return Parse(path, data, env, readFile, languages...)
}

// Parse checks a configuration. Problems call it name, and the names of files in it are relative to the folder of name.
// readFile reads those files, as os.ReadFile does. The other arguments are those of Load. The error is Problems.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error),
	languages ...string) (*Config, error) {
	r := &reader{file: name, env: env, read: readFile, languages: languages}
	root := r.document(data)
	var c *Config
	if root != nil {
		c = r.config(value{r: r, node: root, line: 1})
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	return c, nil
}

// config reads the whole file.
func (r *reader) config(root value) *Config {
	if root.node.Kind != yaml.MappingNode {
		root.entries() // notes what it is instead
		return nil
	}
	top := root.group("listen", "public_url", "former_urls", "secret", "secret_file", "store", "store_file",
		"known_store", "trusted_proxies", "client_ip_header", "drain",
		"smtp", "admin", "operators", "oidc", "metrics", "tracing", "receipts", "log", "retention", "limits",
		"sites")
	former := top.get("former_urls").list()
	c := &Config{
		Listen:         optional(top.get("listen"), DefaultListen, parseListen),
		PublicURL:      required(top.get("public_url"), parsePublicURL),
		FormerURLs:     each(former, parsePublicURL),
		Secrets:        readSecrets(top),
		Store:          checked(top.requiredSecret("store"), parseStore),
		TrustedProxies: each(top.get("trusted_proxies").list(), parseNetwork),
		ClientIPHeader: optional(top.get("client_ip_header"), DefaultClientIPHeader, parseClientIPHeader),
		KnownStore:     optional(top.get("known_store"), r.file+KnownStoreSuffix, parseFile),
		Drain:          optional(top.get("drain"), DefaultDrain, parseDrain),
		SMTP:           readSMTP(top.get("smtp")),
	}
	if c.KnownStore != r.file+KnownStoreSuffix && !filepath.IsAbs(c.KnownStore) {
		c.KnownStore = filepath.Join(filepath.Dir(r.file), c.KnownStore)
	}
	refuseRepeatedURL(former, c)
	keys := apiKeys{}
	if header := top.get("client_ip_header"); header.given() && len(c.TrustedProxies) == 0 {
		header.onNode().fail("is believed of trusted_proxies only, and none is given")
	}
	c.Admin = readAdmin(top.get("admin"), keys, len(c.TrustedProxies) > 0)
	c.Metrics = readMetrics(top.get("metrics"), c.Listen)
	c.Tracing = readTracing(top.get("tracing"))
	c.Receipts = readReceipts(top.get("receipts"))
	c.Log = readLog(top.get("log"))
	c.Retention = readRetention(top.get("retention"))
	c.Limits = readServiceLimits(top.get("limits"))
	c.Sites = readSites(top.get("sites"), r.languages, keys)
	c.OIDC = readOIDC(top.get("oidc"))
	c.Operators = readOperators(top.get("operators"), c)
	if c.OIDC != nil && len(c.OIDC.Roles)+len(c.Operators) == 0 {
		top.get("oidc").onNode().fail("lets nobody in; give it roles, or list operators")
	}
	return c
}

// parseFile parses the name of a file that need not exist yet.
func parseFile(s string) (string, error) {
	if s == "" || strings.HasSuffix(s, "/") || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("must name a file, such as /var/lib/optin/known-store")
	}
	return s, nil
}

// refuseRepeatedURL refuses a former URL that is the present one.
func refuseRepeatedURL(former []value, c *Config) {
	for i, item := range former {
		if u := c.FormerURLs[i]; u != nil && c.PublicURL != nil && *u == *c.PublicURL {
			item.onNode().fail("is the public_url; list only earlier ones")
		}
	}
}

// readAdmin reads the admin section. proxied says that there are trusted proxies.
func readAdmin(v value, keys apiKeys, proxied bool) (admin Admin) {
	g := v.group("password", "password_file", "proxy_header", "api_keys", "api_keys_file", "audit_kept")
	if s, given := g.secret("password"); given {
		admin.Password = checked(s, parsePassword)
	}
	header := g.get("proxy_header")
	admin.ProxyHeader = optional(header, "", parseProxyHeader)
	if admin.ProxyHeader != "" && !proxied {
		header.onNode().fail("is believed of trusted_proxies only, and none is given")
	}
	admin.APIKeys = keys.read(g, (value).operatorKey)
	admin.AuditKept = optional(g.get("audit_kept"), DefaultAuditKept, parseAuditKept)
	return admin
}

// parseClientIPHeader parses the name of the header in which proxies name the client.
func parseClientIPHeader(s string) (string, error) {
	for _, known := range []string{DefaultClientIPHeader, "Forwarded"} {
		if strings.EqualFold(s, known) {
			return known, nil
		}
	}
	return "", errors.New("must be X-Forwarded-For or Forwarded: the one that your proxy writes")
}

// parsePassword parses the admin password.
func parsePassword(s string) (Secret, error) {
	if len([]rune(s)) < 8 {
		return nil, errors.New("is shorter than 8 characters; optin keys makes one")
	}
	return Secret(s), nil
}

// readMetrics reads the metrics section. Metrics are never served on the main listener, which is public.
func readMetrics(v value, mainListener string) Metrics {
	own := v.group("listen").get("listen")
	m := Metrics{Listen: optional(own, "", parseListen)}
	if m.Listen != "" && m.Listen == mainListener {
		own.onNode().fail("is the address of the main listener; write another host:port, or leave it out to have " +
			"no metrics")
	}
	return m
}

// readReceipts reads the receipts section.
func readReceipts(v value) Receipts {
	g := v.group("keys_file", "schema_version")
	r := Receipts{Schema: optional(g.get("schema_version"), receipt.DefaultSchema, parseLine(maxLine))}
	switch file := g.get("keys_file"); {
	case file.given():
		r.Keys = checked(file.secretFile(), parseReceiptKeys)
	case v.given():
		file.fail("is missing; optin keys -receipts makes the file")
	}
	return r
}

// readLog reads the section of the consent log.
func readLog(v value) (l ConsentLog) {
	g := v.group("path", "key_file")
	if !v.given() {
		return l
	}
	l.Path = required(g.get("path"), parseFolder)
	if file := g.get("key_file"); file.given() {
		l.Key = checked(file.secretFile(), func(text string) (ed25519.PrivateKey, error) {
			return consentlog.ParseKey([]byte(text))
		})
	}
	return l
}

// profiles are the retention profiles: how long proof is kept from when a consent ended or was last used. For calls in
// Germany the law wants five years from each use (UWG, section 7a).
func profiles() map[string]string {
	return map[string]string{"default": DefaultEvidence, "de_phone": "5y"}
}

// readRetention reads the retention section.
func readRetention(v value) Retention {
	g := v.group("profile", "evidence", "ip", "receipt_after_erasure")
	evidence := optional(g.get("profile"), "default", func(s string) (string, error) {
		if profiles()[s] == "" {
			return "", errors.New("must be default or de_phone")
		}
		return profiles()[s], nil
	})
	if evidence == "" { // it was wrong, and noted
		evidence = DefaultEvidence
	}
	return Retention{
		IP:       optional(g.get("ip"), DefaultIP, parsePeriod(24*time.Hour, 10*year)),
		Evidence: optional(g.get("evidence"), evidence, parsePeriod(30*24*time.Hour, 30*year)),
		Receipt:  optional(g.get("receipt_after_erasure"), DefaultReceiptAfterErasure, parseReceiptKept),
	}
}

// parseReceiptKept parses how long receipts outlive their person.
func parseReceiptKept(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	d, err := parsePeriod(24*time.Hour, 10*year)(s)
	if err != nil {
		return 0, fmt.Errorf("%w; or 0 for not at all", err)
	}
	return d, nil
}

// parseFolder parses the absolute path of a folder.
func parseFolder(s string) (string, error) {
	if !filepath.IsAbs(s) || filepath.Clean(s) == "/" {
		return "", errors.New("must be the absolute path of a folder, such as /var/lib/optin/log")
	}
	return filepath.Clean(s), nil
}

// parseReceiptKeys parses the keys of receipts. The first one has to be private.
func parseReceiptKeys(text string) (receipt.Keys, error) {
	keys, err := receipt.ParseKeys([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w; optin keys -receipts makes one", err)
	}
	if _, ok := keys.Signer(); !ok {
		return nil, errors.New("has a public key first; the first one signs, and has to be private")
	}
	return keys, nil
}

// readServiceLimits reads the limits over all sites.
func readServiceLimits(v value) ServiceLimits {
	g := v.group("emails_per_address", "emails_per_domain", "emails")
	return ServiceLimits{
		EmailsPerAddress: optional(g.get("emails_per_address"), DefaultEmailsPerMailbox, parseLimits),
		EmailsPerDomain:  optional(g.get("emails_per_domain"), DefaultEmailsPerDomain, parseLimits),
		Emails:           optional(g.get("emails"), DefaultEmails, parseLimits),
	}
}

// readFile is os.ReadFile, but stops one byte after the largest size that is accepted.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// unreadable says why a file cannot be read. It does not repeat the file's name, which may be a secret in the wrong
// place.
func unreadable(err error) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &at):
		return at.Err.Error()
	}
	return "reading failed"
}

// secretFileAt reads the file that a key names for its secret. ok is false if a problem was noted.
func (v value) secretFileAt(name string) (text string, ok bool) {
	return v.fileAt(name, maxSecret, "must contain only the secret")
}

// exists reports whether a file can be read.
func (v value) exists(name string) bool {
	if v.r.read == nil {
		return false
	}
	_, err := v.r.read(v.r.located(name))
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// located returns where a file is that the configuration names.
func (r *reader) located(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

// fileAt reads a file of at most limit bytes. must completes the problem of a larger file: what it must be or contain.
func (v value) fileAt(name string, limit int, must string) (text string, ok bool) {
	if name == "" {
		return "", v.fail("is empty; it must name a file")
	}
	name = v.r.located(name)
	if v.r.read == nil {
		return "", v.fail("names a file, but no files are read here")
	}
	data, err := v.r.read(name)
	switch {
	case err != nil:
		return "", v.fail("names a file that cannot be read: %s; a relative name is relative to the folder of the "+
			"configuration", unreadable(err))
	case len(data) > limit:
		return "", v.fail("names a file larger than %d KiB; it %s", limit>>10, must)
	}
	return string(data), true
}
