package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/optin/optin/internal/config"
)

// runKeys runs optin keys and returns what it printed.
func runKeys(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := keys(args, &out, &errs); got != want {
		t.Fatalf("optin keys %v: exit %d, want %d: %s", args, got, want, errs.String())
	}
	return out.String(), errs.String()
}

// keysLines are the NAME=value lines of an output.
func keysLines(out string) map[string]string {
	lines := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_0-9]+)=(\S+)$`).FindAllStringSubmatch(out, -1) {
		lines[m[1]] = m[2]
	}
	return lines
}

func TestWhatKeysPrintsIsWhatTheSampleNeeds(t *testing.T) {
	out, _ := runKeys(t, 0)
	lines := keysLines(out)
	env := func(name string) (string, bool) { v, ok := lines[name]; return v, ok }
	c, err := config.Parse("optin.yaml", config.Sample(), env, nil)
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(out)
	hashed, err := config.Parse("optin.yaml",
		bytes.ReplaceAll(config.Sample(), []byte("- ${GAZETTE_API_KEY}"), []byte("- "+digest)), env, nil)
	if err != nil || hashed.Sites[0].APIKeys[0] != c.Sites[0].APIKeys[0] {
		t.Errorf("the digest is not the key's: %v", err)
	}
	again, _ := runKeys(t, 0)
	for name, value := range keysLines(again) {
		if lines[name] == value {
			t.Errorf("%s is the same twice", name)
		}
	}
}

func TestNamesFollowTheSite(t *testing.T) {
	for site, prefix := range map[string]string{"la-lettre": "LA_LETTRE", "24h": "SITE_24H"} {
		out, _ := runKeys(t, 0, "-site", site)
		l := keysLines(out)
		if l[prefix+"_API_KEY"] == "" || !strings.HasPrefix(l[prefix+"_WEBHOOK_SECRET"], "whsec_") {
			t.Errorf("%s: printed\n%s", site, out)
		}
	}
}

func TestTheSampleIsPrintedAsItIs(t *testing.T) {
	if out, _ := runKeys(t, 0, "-sample"); out != string(config.Sample()) {
		t.Error("it is not the sample")
	}
}

// keysRecord checks the form of the DNS record in an output, and returns its p=.
func keysRecord(t *testing.T, out, kind string) []byte {
	t.Helper()
	line := regexp.MustCompile(`(?s)\noptin\._domainkey\.gazette\.example\. IN TXT \((.*?) \)\n`)
	zone := line.FindStringSubmatch(out)
	if zone == nil {
		t.Fatalf("no record in\n%s", out)
	}
	record := ""
	for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(zone[1], -1) {
		if len(m[1]) > 255 {
			t.Errorf("a string of %d bytes", len(m[1]))
		}
		record += m[1]
	}
	if !strings.Contains(out, "\n"+record+"\n") {
		t.Error("the value for a form is another one")
	}
	p, found := strings.CutPrefix(record, "v=DKIM1; k="+kind+"; p=")
	public, err := base64.StdEncoding.DecodeString(p)
	if !found || err != nil {
		t.Fatalf("record %q: %v", record, err)
	}
	return public
}

// keysPrivate reads the private key of a file that nobody else may read.
func keysPrivate(t *testing.T, name string) any {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 {
		t.Fatal("not one PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestADKIMKeyFitsItsRecordAndTheConfiguration(t *testing.T) {
	name := filepath.Join(t.TempDir(), "it's ${X}.pem")
	out, _ := runKeys(t, 0, "-dkim", "-domain", "Gazette.example", "-selector", "optin", "-out", name)
	public, err := x509.ParsePKIXPublicKey(keysRecord(t, out, "rsa"))
	key := keysPrivate(t, name).(*rsa.PrivateKey)
	if err != nil || !key.PublicKey.Equal(public) || key.N.BitLen() != 2048 {
		t.Errorf("the record is not of the key: %v", err)
	}
	secrets, _ := runKeys(t, 0)
	lines := keysLines(secrets)
	_, part, _ := strings.Cut(out, "under smtp:\n")
	text := strings.Replace(string(config.Sample()), "  connections: 4 ", part+"  connections: 4 ", 1)
	c, err := config.Parse("optin.yaml", []byte(text), func(n string) (string, bool) {
		v, ok := lines[n]
		return v,
			ok
	}, os.ReadFile)
	if err != nil || len(c.SMTP.DKIM) != 1 || !key.Equal(c.SMTP.DKIM[0].Key) {
		t.Errorf("the lines for the configuration: %v\n%s", err, part)
	}
}

func TestAnEd25519KeyIsPublishedAs32Bytes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dkim.pem")
	out, _ := runKeys(t, 0, "-dkim", "-ed25519", "-domain", "gazette.example", "-selector", "optin", "-out", name)
	public := ed25519.PublicKey(keysRecord(t, out, "ed25519"))
	if len(public) != ed25519.PublicKeySize || !public.Equal(keysPrivate(t, name).(ed25519.PrivateKey).Public()) {
		t.Error("the record is not of the key")
	}
}

func TestAnExistingKeyIsNotOverwritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dkim.pem")
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs := runKeys(t, 1, "-dkim", "-domain", "gazette.example", "-selector", "optin", "-out", name)
	if text, err := os.ReadFile(name); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	if out != "" || !strings.Contains(errs, "already exists and was not changed") {
		t.Errorf("printed %q and %q", out, errs)
	}
	if _, errs := runKeys(t, 1, "-dkim", "-domain", "gazette.example", "-selector", "optin", "-out",
		filepath.Join(name, "x")); !strings.Contains(errs, "cannot be written") {
		t.Errorf("printed %q", errs)
	}
}

func TestWrongUsageOfKeysExitsWithTwoAndMakesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range []string{"now", "-nonsense", "-domain gazette.example", "-ed25519", "-out x.pem", "-dkim",
		"-dkim -domain gazette.example",
		"-dkim -selector optin", "-dkim -domain gazette -selector optin",
		"-dkim -domain gazette.example. -selector optin",
		"-dkim -domain gazette.example -selector op_tin", "-dkim -domain gazette.example -selector optin -out=",
		"-sample -dkim",
		"-dkim -site a -domain gazette.example -selector optin", "-site A_B", "-site=", "-site a.b",
		"-dkim -domain gazette.example -selector optin extra"} {
		out, errs := runKeys(t, 2, strings.Fields(line)...)
		if out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "optin keys: ") {
			t.Errorf("%s: printed %q and %q", line, out, errs)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if out, errs := runKeys(t, 0, "-h"); !strings.Contains(out, "-ed25519") || errs != "" {
		t.Errorf("-h printed %q and %q", out, errs)
	}
}

// keysFull is an output that is full.
type keysFull struct{}

func (keysFull) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestSecretsThatCannotBePrintedAreAnError(t *testing.T) {
	if got := keys(nil, keysFull{}, io.Discard); got != 1 {
		t.Errorf("exit %d", got)
	}
}
