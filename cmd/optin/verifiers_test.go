package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/templates"
)

// The second verifier is to be read by people who do not trust the first.
func TestTheSecondVerifierIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "verify-node", "verify.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > 150 {
		t.Errorf("it has %d lines", n)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if n := len([]rune(line)); n > 120 {
			t.Errorf("line %d has %d columns", i+1, n)
		}
	}
}

// logOf makes a log of leaves in a new folder, always signed with the same key.
func logOf(t *testing.T, name string, leaves []consentlog.Leaf) *consentlog.Log {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := consentlog.ParseKey([]byte(logKey))
	if err != nil {
		t.Fatal(err)
	}
	l, err := consentlog.Open(consentlog.Options{
		Dir: dir, Origin: "confirm.example/log", Key: key, Sealer: logSealer(ring),
	})
	if err == nil {
		_, err = l.Append(leaves)
	}
	if err == nil {
		err = l.Publish()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const logKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNy
-----END PRIVATE KEY-----
`

// leavesOf returns leaves with records of their own.
func leavesOf(n int) (all []consentlog.Leaf) {
	for i := range n {
		all = append(all, consentlog.Leaf{
			JobID: fmt.Sprint(i), Salt: consentlog.NewSalt(), Record: fmt.Appendf(nil, `{"n":%d}`, i), At: int64(i + 1),
		})
	}
	return all
}

// Every flipped byte of what is published of a log is found by both verifiers, which name the leaf, tile or checkpoint.
func TestEveryFlippedByteOfALogIsNamed(t *testing.T) {
	t.Parallel()
	l := logOf(t, "log", leavesOf(600)) // so that there are tiles above the leaves
	files := map[string]func(at int) string{
		"checkpoint":       func(int) string { return "checkpoint" },
		"tile/entries/000": func(at int) string { return fmt.Sprintf("entry %d", at/54) },
		"tile/entries/002": func(at int) string { return fmt.Sprintf("entry %d", 512+at/54) },
		"tile/0/001":       func(at int) string { return fmt.Sprintf("leaf %d", 256+at/32) },
		"tile/0/002":       func(at int) string { return fmt.Sprintf("leaf %d", 512+at/32) },
		"tile/1/000":       func(int) string { return "tile 0 of level 1" },
	}
	for by, verify := range verifiers(t) {
		if holds, said := verify("log", l.PublicKey(), l.Dir()); !holds {
			t.Fatalf("%s: %s", by, said)
		}
		for name, names := range files {
			path := filepath.Join(l.Dir(), filepath.FromSlash(name))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range size(3, 100) {
				at := rand.IntN(len(whole))
				wrong := bytes.Clone(whole)
				wrong[at] ^= 1 << rand.IntN(8)
				if err := os.WriteFile(path, wrong, 0o600); err != nil {
					t.Fatal(err)
				}
				holds, said := verify("log", l.PublicKey(), l.Dir())
				if want := names(at); holds || !strings.Contains(said, want) && !strings.Contains(said, "base64") {
					t.Errorf("%s: byte %d of %s: %s; want %s", by, at, name, said, want)
				}
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An outsider has the log as it is served: a tile that is not full under each width with which it was fetched.
func TestALogThatWasFetchedFileByFileVerifies(t *testing.T) {
	t.Parallel()
	leaves := leavesOf(600)
	l, dir := logOf(t, "log", leaves[:590]), t.TempDir()
	fetch := func(tiles ...string) {
		t.Helper()
		checkpoint, err := l.Checkpoint()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "checkpoint"), checkpoint, 0o600)
		}
		for _, name := range tiles {
			to := filepath.Join(dir, "tile", filepath.FromSlash(name))
			if err == nil {
				err = os.MkdirAll(filepath.Dir(to), 0o700)
			}
			var tile []byte
			if err == nil {
				tile, err = l.Tile(name)
			}
			if err == nil {
				err = os.WriteFile(to, tile, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	outcome := func(want bool, named string) {
		t.Helper()
		for by, verify := range verifiers(t) {
			holds, said := verify("log", l.PublicKey(), dir)
			if holds != want || !strings.Contains(said, named) {
				t.Errorf("%s: %s; want %s", by, said, named)
			}
		}
	}
	fetch("0/000", "0/001", "0/002.p/78", "1/000.p/2", "entries/000", "entries/001", "entries/002.p/78")
	outcome(true, "HOLDS")
	if _, err := l.Append(leaves[590:]); err != nil {
		t.Fatal(err)
	}
	if err := l.Publish(); err != nil {
		t.Fatal(err)
	}
	fetch()
	outcome(false, "5") // what was fetched before is of a smaller log
	fetch("0/002.p/88", "entries/002.p/88")
	outcome(true, "HOLDS")
	changed := filepath.Join(dir, "tile", "entries", "002.p", "88")
	whole, err := os.ReadFile(changed)
	if err == nil {
		whole[54*80+30] ^= 1
		err = os.WriteFile(changed, whole, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	outcome(false, "entry 592")
}

// A log from which a leaf was removed, in which two changed places, or to which one was added with an earlier date,
// has not the root that was signed. Signed anew, it is not the one whose checkpoint somebody kept.
func TestARewrittenLogIsRefused(t *testing.T) {
	t.Parallel()
	const n = 300
	leaves := leavesOf(n)
	l := logOf(t, "log", leaves)
	checkpoint, err := l.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	rewritten := map[string]func(at int) []consentlog.Leaf{
		"removed":    func(at int) []consentlog.Leaf { return slices.Delete(slices.Clone(leaves), at, at+1) },
		"the last":   func(int) []consentlog.Leaf { return leaves[:n-1] },
		"reordered":  func(at int) []consentlog.Leaf { return swapped(leaves, at, rand.IntN(n-1)) },
		"neighbours": func(at int) []consentlog.Leaf { return swapped(leaves, at, at) },
		"back-dated": func(at int) []consentlog.Leaf { return slices.Insert(slices.Clone(leaves), at, leavesOf(1)[0]) },
	}
	for how, rewrite := range rewritten {
		for range size(1, 20) {
			other := logOf(t, "other", append(rewrite(rand.IntN(n-1)), leavesOf(3)...))
			for by, verify := range verifiers(t) {
				since := []string{"log", other.PublicKey(), other.Dir(), kept}
				if by == "optin" {
					since = []string{"log", other.PublicKey(), "-since", kept, other.Dir()}
				}
				if holds, said := verify(since...); holds || !strings.Contains(said, "the history was rewritten") {
					t.Errorf("%s: %s: %s", by, how, said)
				}
			}
			// Without the key nothing can be signed anew.
			if err := os.WriteFile(filepath.Join(other.Dir(), "checkpoint"), checkpoint, 0o600); err != nil {
				t.Fatal(err)
			}
			for by, verify := range verifiers(t) {
				holds, said := verify("log", other.PublicKey(), other.Dir())
				names := strings.Contains(said, "changed, removed or reordered") || strings.Contains(said, "tile")
				if holds || !names {
					t.Errorf("%s: %s: %s", by, how, said)
				}
			}
		}
	}
}

// swapped returns leaves of which one has changed places with another: that at b, or the one behind it if it is itself.
func swapped(leaves []consentlog.Leaf, a, b int) []consentlog.Leaf {
	if a == b {
		b++
	}
	other := slices.Clone(leaves)
	other[a], other[b] = other[b], other[a]
	return other
}

// In a person's own copy the IPs of signups that nobody confirmed are networks: another may have entered the address.
func TestAPersonsOwnCopyVerifies(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.perAddress, e.topYAML = "1000/1m", "limits: {emails_per_address: 1000/1h}\n"
	e.withLog()
	a := e.start()
	const email = "ada@people.test"
	a.SignUp(email)
	a.Email(email)
	a.SignUp(email)
	a.eventually("two emails", func() bool { return e.emailsTo(email) == 2 })
	sent := e.mail.Messages()
	a.Confirm(confirmLink(sent[0]))
	a.logged(1)
	c := e.core()
	log, err := openLog(c.cfg, c.ring)
	e.must(err)
	pages, err := templates.New()
	e.must(err)
	m := &dossier.Maker{
		Service: c.service, Log: log, Pages: pages, Now: time.Now,
		Show: func(string) templates.Site { return templateSite(c.cfg.Sites[0]) },
	}
	d, err := m.Make(t.Context(), "gazette", a.Lookup(email).ID)
	e.must(err)
	file, err := m.ZIP(d.ForPerson(), "")
	e.must(err)
	dir := t.TempDir()
	jwks, copied, changed := dir+"/jwks.json", dir+"/copy.zip", dir+"/changed.zip"
	e.must(os.WriteFile(copied, file, 0o600))
	e.must(os.WriteFile(jwks, a.get("/.well-known/jwks.json"), 0o600))
	parts := unzipped(t, file)
	whole := parts["dossier.json"]
	if !bytes.Contains(whole, []byte(`"ip": "127.0.0.0/24"`)) || !bytes.Contains(whole, []byte(`"ip": "127.0.0.1"`)) {
		t.Fatalf("not one IP of two is cut: %s", whole)
	}
	for by, verify := range verifiers(t) {
		if holds, said := verify("dossier", jwks, log.PublicKey(), copied); !holds {
			t.Errorf("%s: %s", by, said)
		}
		for old, new := range map[string]string{
			`"ip": "127.0.0.1"`: `"ip": "127.0.0.1/32"`, `"ip": "127.0.0.0/24"`: `"ip": "127.0.0.0/16"`,
			`"ip": "127.0.0.1",`: ``,
		} {
			parts["dossier.json"] = bytes.ReplaceAll(whole, []byte(old), []byte(new))
			e.must(os.WriteFile(changed, zipped(t, parts), 0o600))
			holds, said := verify("dossier", jwks, log.PublicKey(), changed)
			names := strings.Contains(said, "is not as the log has it")
			if holds || !names || bytes.Equal(parts["dossier.json"], whole) {
				t.Errorf("%s: %s: %s", by, old, said)
			}
		}
	}
}

// Every flipped byte of a dossier's parts is found by both verifiers, and the part named.
func TestEveryFlippedByteOfADossierIsNamed(t *testing.T) {
	t.Parallel()
	e, a := oneConsentInTheLog(t)
	dir := t.TempDir()
	file, jwks, changed := dir+"/d.zip", dir+"/jwks.json", dir+"/changed.zip"
	e.optin(exitOK, "dossier", "-o", file, "ada@people.test")
	e.must(os.WriteFile(jwks, a.get("/.well-known/jwks.json"), 0o600))
	key := strings.TrimSpace(first(e.optin(exitOK, "log", "key")))
	whole, err := os.ReadFile(file)
	e.must(err)
	parts := unzipped(t, whole)
	for by, verify := range verifiers(t) {
		for name, content := range parts {
			folder, base := filepath.Split(name)
			if folder == "" && base != "dossier.html" {
				continue // copies, words, and what names the others
			}
			id, _, _ := strings.Cut(base, ".")
			for range size(1, 50) {
				at := rand.IntN(len(content))
				wrong := bytes.Clone(content)
				wrong[at] ^= 1 << rand.IntN(8)
				parts[name] = wrong
				e.must(os.WriteFile(changed, zipped(t, parts), 0o600))
				holds, said := verify("dossier", jwks, key, changed)
				named := slices.ContainsFunc(strings.Split(said, "\n"), func(line string) bool {
					return strings.HasPrefix(line, "DOES NOT HOLD") && strings.Contains(line, id)
				})
				if holds || !named {
					t.Errorf("%s: byte %d of %s: %s", by, at, name, said)
				}
			}
			parts[name] = content
			// A bit of the file itself is found by the checksums of the ZIP.
			at := bytes.Index(whole, []byte(name)) + len(name) + 10
			damaged := bytes.Clone(whole)
			damaged[at] ^= 1
			e.must(os.WriteFile(changed, damaged, 0o600))
			if holds, said := verify("dossier", jwks, key, changed); holds || !strings.Contains(said, "DOES NOT HOLD") {
				t.Errorf("%s: the packed %s: %s", by, name, said)
			}
		}
	}
}

// joseVersion is the release of npm's jose that is asked.
const joseVersion = "6.2.18"

// joseScript verifies receipts with the key set that the service publishes, as any program with a JOSE library does.
const joseScript = `
import { createLocalJWKSet, compactVerify } from 'jose'
import { readFileSync } from 'node:fs'
const [jwks, ...receipts] = process.argv.slice(2).map(name => readFileSync(name, 'utf8'))
for (const text of receipts) try {
  const keys = createLocalJWKSet(JSON.parse(jwks))
  const { payload, protectedHeader } = await compactVerify(text.trim(), keys, { algorithms: ['ES256', 'Ed25519'] })
  console.log(protectedHeader.alg, protectedHeader.typ, JSON.parse(new TextDecoder().decode(payload)).receipt_id)
} catch (e) { console.log(e.code) }
`

// A JOSE library that knows nothing of optin verifies receipts, of either kind of key, and refuses a changed one. It is
// installed for the test alone, where npm can reach its registry.
func TestJOSEVerifiesReceipts(t *testing.T) {
	t.Parallel()
	node, dir := childtest.Need(t, "node"), t.TempDir()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed; that a JOSE library verifies receipts is NOT CHECKED")
	}
	install := exec.CommandContext(t.Context(), npm, "install", "--no-save", "--ignore-scripts", "--no-audit",
		"--no-fund", "--fetch-retries=0", "--prefix", dir, "jose@"+joseVersion)
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install jose; that a JOSE library verifies receipts is NOT CHECKED\n%s", out)
	}
	script := filepath.Join(dir, "verify.mjs")
	if err := os.WriteFile(script, []byte(joseScript), 0o600); err != nil {
		t.Fatal(err)
	}
	for alg, flags := range map[string][]string{"ES256": nil, "Ed25519": {"-ed25519"}} {
		e, a := oneConsentInTheLog(t, flags...)
		text := a.get("/v1/sites/gazette/subscriptions/" + a.Lookup("ada@people.test").ID + "/receipt")
		changed := bytes.Clone(text)
		changed[bytes.IndexByte(text, '.')+20] ^= 1
		p, err := receipt.Decode(string(text))
		e.must(err)
		var said struct {
			ID string `json:"receipt_id"`
		}
		e.must(json.Unmarshal(p, &said))
		args := []string{script}
		for name, content := range map[string][]byte{
			"1.json": a.get("/.well-known/jwks.json"), "2.jwt": text, "3.jwt": changed,
		} {
			e.must(os.WriteFile(filepath.Join(dir, name), content, 0o600))
			args = append(args, filepath.Join(dir, name))
		}
		slices.Sort(args[1:])
		out, err := exec.CommandContext(t.Context(), node, args...).CombinedOutput()
		want := fmt.Sprintf("%s consent-receipt+jwt %s\nERR_JWS_SIGNATURE_VERIFICATION_FAILED\n", alg, said.ID)
		if err != nil || string(out) != want {
			t.Errorf("%s: %v: %s, want %s", alg, err, out, want)
		}
	}
}
