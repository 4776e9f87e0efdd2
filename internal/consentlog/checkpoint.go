package consentlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpointText returns the text of a checkpoint (C2SP tlog-checkpoint).
func checkpointText(origin string, h Head) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, h.Size, base64.StdEncoding.EncodeToString(h.Root[:]))
}

// parseCheckpoint reads the text of a checkpoint, of which it takes one spelling only.
func parseCheckpoint(text string) (h Head, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return Head{}, errors.New("consentlog: not a checkpoint")
	}
	if h.Size, err = strconv.ParseInt(lines[1], 10, 64); err == nil {
		h.Root, err = tlog.ParseHash(lines[2])
	}
	if err != nil || h.Size < 0 || !strings.HasPrefix(text, checkpointText(lines[0], h)) {
		return Head{}, errors.New("consentlog: not a checkpoint, or not in its one spelling")
	}
	return h, nil
}

// OpenCheckpoint returns what a checkpoint says, if it is signed by the one who is expected.
func OpenCheckpoint(text []byte, by note.Verifier) (Head, error) {
	n, err := note.Open(text, note.VerifierList(by))
	if err != nil {
		return Head{}, fmt.Errorf("consentlog: the checkpoint is not signed by %s: %w", by.Name(), err)
	}
	// Base64 has several spellings, and package note takes all.
	for _, sig := range append(n.Sigs, n.UnverifiedSigs...) {
		if b, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil ||
			base64.StdEncoding.EncodeToString(b) != sig.Base64 {
			return Head{}, errors.New("consentlog: the checkpoint has a signature that is not in its one spelling")
		}
	}
	h, err := parseCheckpoint(n.Text)
	if err == nil && n.Text != checkpointText(by.Name(), h) {
		err = errors.New("consentlog: the checkpoint is of another log")
	}
	return h, err
}

// signer signs checkpoints with the log's key.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func (l *Log) signer() note.Signer { return signer{l.Verifier(), l.key} }

// Verifier verifies the checkpoints of the log.
func (l *Log) Verifier() note.Verifier {
	v, err := note.NewVerifier(l.PublicKey())
	if err != nil {
		panic(err) // our own key
	}
	return v
}

// PublicKey returns the key of checkpoints as signed notes spell it: name, hash and key.
func (l *Log) PublicKey() string {
	text, err := note.NewEd25519VerifierKey(l.origin, l.key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // an Ed25519 key has its length
	}
	return text
}

// keyPath returns the path of the log's own key.
func (l folder) keyPath() string { return l.path("key.pem") }

// keyLost returns an error if there are leaves, and the log's own key is missing: with another one, everything that was
// signed before would be of nobody.
func (l folder) keyLost() error {
	leaves, err := LeavesIn(string(l))
	if err != nil || leaves == 0 {
		return err
	}
	if _, err = os.Stat(l.keyPath()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s, which signed its checkpoints, is missing: put a copy back; if there is none, let "+
			"log.key_file name another key", ErrDamaged, l.keyPath())
	}
	return nil
}

// ownKey returns the key of a file, which is made if there is none.
func ownKey(name string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, replace(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	if err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("consentlog: %s %w: put a copy back", name, err)
	}
	return key, nil
}

// ParseKey reads the private key of checkpoints: Ed25519, PKCS #8 in PEM. Its error repeats nothing of it.
func ParseKey(text []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, errors.New("is not an Ed25519 key in PEM (PKCS #8)")
}
