// Package keyring derives from the configured secrets every key that optin uses: for links, sealing, ids and the names
// of limits.
//
// One secret is configured. Each key is derived from it by HKDF-SHA256 (RFC 5869) with a label of its own, so that no
// key reveals anything about another. Several secrets may be listed: the first one signs and seals, all are accepted.
// So a rotation breaks no link in a mailbox and no record in a store.
//
// Sealed bytes are AES-256-GCM under a separate key for each context (the record they belong to). So bytes moved to
// another record do not open, and random nonces of different records never share a key:
//
//	version (1 byte, 1) | id of the secret (4 bytes) | nonce (12) | ciphertext | tag (16)
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
)

const (
	// MinSecret is the least length of a secret, in bytes.
	MinSecret = 32
	// MinRSABits is the least size of an RSA key, in bits. RFC 8301 section 3.2 recommends no less for signing email.
	MinRSABits = 2048
	// Overhead is what sealing adds, in bytes.
	Overhead = headerSize + 12 + 16

	sealVersion = 1
	headerSize  = 1 + 4
)

// ErrSealed says that sealed bytes do not open: they are damaged, of another context, or sealed under a secret that is
// no longer listed.
var ErrSealed = errors.New("keyring: cannot open sealed data: it is damaged, was moved, or was sealed with a secret " +
	"that is not listed")

// Keyring holds the derived keys. Its methods may be called from any goroutine.
type Keyring struct {
	secrets []secret // newest first
	derived sync.Map // label -> derived
}

type secret struct {
	prk *mac // what HKDF-Extract makes of it
	id  [4]byte
}

// derived is the keys of a label and what makes keyed hashes under them, one for each secret.
type derived struct {
	keys [][]byte
	macs []*mac
}

// New returns a keyring of secrets, the newest first. It needs at least one, each of MinSecret bytes or more.
func New(secrets ...[]byte) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("keyring: no secret is given")
	}
	r := &Keyring{}
	for i, s := range secrets {
		if len(s) < MinSecret {
			return nil, fmt.Errorf("keyring: secret %d has %d bytes, needs %d", i+1, len(s), MinSecret)
		}
		prk, err := hkdf.Extract(sha256.New, s, []byte("optin"))
		if err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		k := secret{prk: newMAC(prk)}
		copy(k.id[:], k.expand("secret id"))
		r.secrets = append(r.secrets, k)
	}
	return r, nil
}

// Fingerprints returns a name of each secret, the newest first: 16 hexadecimal digits that reveal nothing of it.
func (r *Keyring) Fingerprints() []string {
	all := make([]string, len(r.secrets))
	for i, s := range r.secrets {
		all[i] = hex.EncodeToString(s.expand("fingerprint")[:8])
	}
	return all
}

// Only returns a keyring of one of the secrets, by its number from 0, the newest.
func (r *Keyring) Only(n int) *Keyring { return &Keyring{secrets: r.secrets[n : n+1]} }

// Len returns the number of secrets.
func (r *Keyring) Len() int { return len(r.secrets) }

// Keys returns the 32-byte keys of a label, one per secret, the newest first.
func (r *Keyring) Keys(label string) [][]byte { return r.derive(label).keys }

func (r *Keyring) derive(label string) derived {
	if v, ok := r.derived.Load(label); ok {
		return v.(derived)
	}
	d := derived{}
	for _, s := range r.secrets {
		key := s.expand("key " + label)
		d.keys, d.macs = append(d.keys, key), append(d.macs, newMAC(key))
	}
	v, _ := r.derived.LoadOrStore(label, d)
	return v.(derived)
}

// MACs returns the keyed hashes (HMAC-SHA256) of the parts under a label, one per secret, the newest first. The
// boundaries between parts count.
func (r *Keyring) MACs(label string, parts ...string) [][]byte {
	macs := r.derive(label).macs
	sums := make([][]byte, len(macs))
	for i, m := range macs {
		sums[i] = m.sum(func(b []byte) []byte {
			for _, p := range parts {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
			}
			return b
		})
	}
	return sums
}

// Sign returns the HMAC-SHA256 of a text under the first of Keys.
func (r *Keyring) Sign(label string, text []byte) []byte {
	return r.derive(label).macs[0].sum(func(b []byte) []byte { return append(b, text...) })
}

// Seal encrypts plain for one context under the newest secret.
func (r *Keyring) Seal(context string, plain []byte) []byte { return r.Box(context).Seal(plain) }

// Open decrypts what Seal returned for the same context under any listed secret. Its only error is ErrSealed.
func (r *Keyring) Open(context string, sealed []byte) ([]byte, error) {
	return r.Box(context).Open(sealed)
}

// Box returns what seals and opens for one context.
func (r *Keyring) Box(context string) *Box { return &Box{ring: r, context: context} }

// Shared returns a Box for a context that is nobody's alone. It is kept, and used from any goroutine.
func (r *Keyring) Shared(context string) *Box {
	b := r.Box(context)
	b.aead(0)
	return b
}

// Box is Seal and Open for one context, whose key under the newest secret is derived once. Unless it is Shared, it is
// for one goroutine at a time, and is kept no longer than an act takes: so no key stays in memory.
type Box struct {
	ring    *Keyring
	context string
	newest  cipher.AEAD // nil: not needed yet
}

// Seal is Keyring.Seal.
func (b *Box) Seal(plain []byte) []byte {
	out := make([]byte, headerSize, len(plain)+Overhead)
	out[0] = sealVersion
	copy(out[1:], b.ring.secrets[0].id[:])
	return b.aead(0).Seal(out, nil, plain, out[:headerSize])
}

// Open is Keyring.Open.
func (b *Box) Open(sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	for i, s := range b.ring.secrets {
		if [4]byte(sealed[1:headerSize]) != s.id {
			continue
		}
		if plain, err := b.aead(i).Open(nil, nil, sealed[headerSize:], sealed[:headerSize]); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

// aead returns the cipher under a secret.
func (b *Box) aead(secret int) cipher.AEAD {
	if secret > 0 {
		return b.ring.secrets[secret].aead(b.context)
	}
	if b.newest == nil {
		b.newest = b.ring.secrets[0].aead(b.context)
	}
	return b.newest
}

func (s secret) aead(context string) cipher.AEAD {
	block, err := aes.NewCipher(s.expand("seal " + context))
	if err != nil {
		panic(err) // a 32-byte key always fits
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES always fits GCM
	}
	return aead
}

// expand is HKDF-Expand (RFC 5869, section 2.3) for a key of 32 bytes: with SHA-256 that is its first block, one HMAC.
func (s secret) expand(info string) []byte {
	return s.prk.sum(func(b []byte) []byte { return append(append(b, info...), 1) })
}

// mac makes keyed hashes (HMAC-SHA256) under one key. It keeps states that have taken in the key, which is half the
// work for a short text.
type mac struct{ states sync.Pool }

// macState is the state of one hash, and room for its text.
type macState struct {
	hash.Hash
	text []byte
}

func newMAC(key []byte) *mac {
	m := &mac{}
	m.states.New = func() any { return &macState{Hash: hmac.New(sha256.New, key)} }
	return m
}

// sum returns the keyed hash of the text that write appends.
func (m *mac) sum(write func([]byte) []byte) []byte {
	s := m.states.Get().(*macState)
	defer m.states.Put(s)
	s.text = write(s.text[:0])
	s.Write(s.text)
	sum := s.Sum(make([]byte, 0, sha256.Size))
	s.Reset()
	clear(s.text) // it may be an address, or a password
	return sum
}
