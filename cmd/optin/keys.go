package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/keyring"
)

const keysUsage = `optin keys makes the secrets of a configuration, and prints them as lines for the environment:

  optin keys
      a secret, an admin password, an API key and a webhook secret
  optin keys -site news
      the same, with names that begin with NEWS_
  optin keys -sample
      a commented configuration that uses those names
  optin keys -v1a
      a webhook's key for signatures that are verified without a secret, and its
      public key
  optin keys -dkim -domain gazette.example -selector optin
      a DKIM key (RSA, 2048 bits) in dkim.pem, and its DNS record
  optin keys -dkim -ed25519 -domain gazette.example -selector optin-ed
      -out dkim-ed.pem
      the same with Ed25519, beside an RSA key and never instead of it
  optin keys -receipts
      a key for consent receipts (ES256) in receipts.pem; with -ed25519, of
      Ed25519
`

// keysFlags are the flags of optin keys.
type keysFlags struct {
	site, domain, selector, out string
	dkim, ed25519, sample, v1a  bool
	receipts                    bool
}

// keys is optin keys: it makes secrets, or a DKIM key and its DNS record, and prints them. It returns 2 for wrong
// usage, and 1 if the key's file already exists or cannot be written.
func keys(args []string, stdout, stderr io.Writer) int {
	f, err := keysParse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "optin keys: "+err.Error()+"; optin keys -h shows how")
		return 2
	}
	var text bytes.Buffer
	switch {
	case f.sample:
		text.Write(config.Sample())
	case f.dkim:
		err = keysDKIM(&text, f)
	case f.receipts:
		err = keysReceipts(&text, f)
	case f.v1a:
		keysWebhook(&text, f.site)
	default:
		keysSecrets(&text, f.site)
	}
	if err == nil {
		_, err = stdout.Write(text.Bytes())
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin keys: "+err.Error())
		return 1
	}
	return 0
}

// keysParse parses the flags and checks that they fit together. -h prints the usage to help and returns flag.ErrHelp.
func keysParse(args []string, help io.Writer) (keysFlags, error) {
	var f keysFlags
	set := newFlags("optin keys", keysUsage)
	set.SetOutput(io.Discard)
	set.StringVar(&f.site, "site", "gazette", "the site's `id`, with which the names of its variables begin")
	set.BoolVar(&f.sample, "sample", false, "print a sample configuration instead")
	set.BoolVar(&f.v1a, "v1a", false, "make a webhook's Ed25519 key instead")
	set.BoolVar(&f.dkim, "dkim", false, "make a DKIM key instead")
	set.BoolVar(&f.receipts, "receipts", false, "make a key for consent receipts instead")
	set.BoolVar(&f.ed25519, "ed25519", false, "with -dkim or -receipts: an Ed25519 key rather than RSA or P-256")
	set.StringVar(&f.domain, "domain", "", "with -dkim: the `domain` of the sender's address")
	set.StringVar(&f.selector, "selector", "", "with -dkim: the `name` of the key in DNS, such as optin")
	set.StringVar(&f.out, "out", "dkim.pem", "with -dkim or -receipts: the `file` for the key, which must not exist "+
		"yet; with -receipts by default receipts.pem")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(help)
		set.Usage()
	}
	if err != nil {
		return f, err
	}
	given := map[string]bool{}
	set.Visit(func(g *flag.Flag) { given[g.Name] = true })
	if f.receipts && !given["out"] {
		f.out = "receipts.pem"
	}
	return f, f.keysCheck(set.Args(), given)
}

// keysCheck returns an error for flags that do not fit together.
func (f keysFlags) keysCheck(rest []string, given map[string]bool) error {
	switch {
	case len(rest) > 0:
		return errors.New("takes no arguments but flags")
	case f.sample && len(given) > 1:
		return errors.New("-sample cannot be combined with other flags")
	case f.receipts && (f.dkim || f.sample || f.v1a || given["site"] || given["domain"] || given["selector"]):
		return errors.New("-receipts can be combined with -ed25519 and -out only")
	case f.receipts && f.out == "":
		return errors.New("-out must name a file")
	case f.receipts:
		return nil
	case f.v1a && (f.dkim || f.sample):
		return errors.New("-v1a can be combined with -site only")
	case !f.dkim && (given["domain"] || given["selector"] || given["out"] || f.ed25519):
		return errors.New("-domain and -selector need -dkim, -out and -ed25519 need -dkim or -receipts")
	case f.dkim && given["site"]:
		return errors.New("-site cannot be combined with -dkim")
	case f.dkim && (!keysName(f.domain) || !strings.Contains(f.domain, ".")):
		return errors.New("-domain must be the domain of the sender's address, such as gazette.example")
	case f.dkim && (!keysName(f.selector) || len(f.selector) > 63):
		return errors.New("-selector must be letters, digits and hyphens, such as optin")
	case f.dkim && f.out == "":
		return errors.New("-out must name a file")
	case !keysName(f.site) || strings.Contains(f.site, "."):
		return errors.New("-site must be the id of a site, such as gazette")
	}
	return nil
}

// keysName reports whether s is a name as DNS has them: labels of letters, digits and hyphens.
func keysName(s string) bool {
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		bad := strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
		if bad || label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return len(s) <= 200
}

// keysSecrets prints new secrets as NAME=value lines, with the names that the sample configuration uses.
func keysSecrets(w io.Writer, site string) {
	prefix := keysPrefix(site)
	key := "optin_" + base64.RawURLEncoding.EncodeToString(keysRandom(32))
	fmt.Fprintf(w, `# New secrets for optin. Put these lines into the file of its environment, readable by nobody else.
# Keep a copy of OPTIN_SECRET apart from the backups: they cannot be read without it.
OPTIN_SECRET=%s
OPTIN_ADMIN_PASSWORD=%s
%s_API_KEY=%s
%s_WEBHOOK_SECRET=whsec_%s
# The API key is for the site's servers. The configuration may hold its digest instead:
#   api_keys: ["sha256:%x"]
`, base64.StdEncoding.EncodeToString(keysRandom(32)), base64.RawURLEncoding.EncodeToString(keysRandom(18)), prefix, key,
		prefix, base64.StdEncoding.EncodeToString(keysRandom(32)), sha256.Sum256([]byte(key)))
}

// keysWebhook prints a new Ed25519 key as Standard Webhooks 1.0.0 writes it: whsk_ and all 64 bytes of the private key,
// which other implementations read too; whpk_ and the 32 bytes of the public key.
func keysWebhook(w io.Writer, site string) {
	key := ed25519.NewKeyFromSeed(keysRandom(ed25519.SeedSize))
	text := base64.StdEncoding.EncodeToString
	fmt.Fprintf(w, `# A new key for a webhook. Put this line into the file of the environment, readable by nobody else:
%[1]s_WEBHOOK_KEY=whsk_%[2]s
# In the configuration it is listed with the webhook's secret, or alone:
#   secret: ["${%[1]s_WEBHOOK_SECRET}", "${%[1]s_WEBHOOK_KEY}"]
# The receiver verifies v1a signatures with the public key, which is not secret:
#   whpk_%[3]s
`, keysPrefix(site), text(key), text(key[ed25519.SeedSize:]))
}

// keysPrefix returns what the names of a site's variables begin with.
func keysPrefix(site string) string {
	prefix := strings.ToUpper(strings.ReplaceAll(site, "-", "_"))
	if '0' <= prefix[0] && prefix[0] <= '9' {
		prefix = "SITE_" + prefix // no variable's name begins with a digit
	}
	return prefix
}

// keysRandom returns n random bytes. The system's source does not fail: crypto/rand ends the program if it does.
func keysRandom(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// keysDKIM makes a key, writes it into a file and prints the lines for DNS and for the configuration.
func keysDKIM(w io.Writer, f keysFlags) error {
	key, record, err := keysPair(f.ed25519)
	if err != nil {
		return err
	}
	if err := keysWrite(f.out, key); err != nil {
		return err
	}
	name := strings.ToLower(f.selector + "._domainkey." + f.domain)
	fmt.Fprintf(w, `# The private key is in %[1]s, readable by its owner only. Never put it anywhere else.

# 1. The DNS record, as a line of a zone file:
%[2]s. IN TXT (%[3]s )

#    or, for a form, the name %[2]s, the type TXT and the value:
%[4]s

# 2. The configuration, under smtp:
  dkim:
    - domain: %[5]s
      selector: %[6]s
      key_file: %[7]s
`, f.out, name, keysStrings(record), record, strings.ToLower(f.domain), strings.ToLower(f.selector), keysQuoted(f.out))
	return nil
}

// keysReceipts makes a key for receipts, writes it into a file and prints the lines for the configuration.
func keysReceipts(w io.Writer, f keysFlags) error {
	var key crypto.Signer
	var err error
	if f.ed25519 {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err == nil {
		err = keysWrite(f.out, key)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `# The private key is in %[1]s, readable by its owner only. Never put it anywhere else.
# To replace a key, put the new one before it in the file, and keep the old one: receipts that it signed need it.

# The configuration:
receipts:
  keys_file: %[2]s
`, f.out, keysQuoted(f.out))
	return nil
}

// keysPair makes a private key and the text of its record: RSA with its SubjectPublicKeyInfo (RFC 6376, section 3.6.1),
// or Ed25519 with its bare 32 bytes (RFC 8463, section 4.2).
func keysPair(ed bool) (key crypto.Signer, record string, err error) {
	if ed {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		return private, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public), err
	}
	private, err := rsa.GenerateKey(rand.Reader, keyring.MinRSABits)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	return private, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), err
}

// keysWrite writes a private key as PKCS #8 into a new file of mode 0600. It never overwrites a file, and leaves no
// partial one.
func keysWrite(name string, key crypto.Signer) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists and was not changed; name another file with -out", name)
	}
	if err != nil {
		return fmt.Errorf("the key cannot be written: %w; name another file with -out", err)
	}
	err = pem.Encode(file, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(name)
		return fmt.Errorf("the key cannot be written: %w", err)
	}
	return nil
}

// keysStrings splits a record into quoted strings of at most 255 bytes (RFC 1035, section 3.3), one on each line.
func keysStrings(record string) string {
	var b strings.Builder
	for record != "" {
		n := min(len(record), 255)
		b.WriteString("\n    \"" + record[:n] + "\"")
		record = record[n:]
	}
	return b.String()
}

// keysQuoted quotes a file's name for YAML and for the ${ } of the configuration.
func keysQuoted(name string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(name, "'", "''"), "${", "$${") + "'"
}
