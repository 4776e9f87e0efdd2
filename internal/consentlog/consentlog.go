// Package consentlog is the consent log: an append-only Merkle tree in a folder outside the store, in which every
// confirmation, withdrawal, refusal and erasure is a leaf. Who has kept one of its signed checkpoints can tell a
// rewritten history from a longer one.
//
// The tree is in the open formats of the Go checksum database and of C2SP: tiles of 256 hashes (tlog-tiles), bundles of
// entries, a checkpoint that is a signed note. An entry is a commitment and says nothing of anybody:
//
//	entry = "optin-consent-log/1\n" and HMAC-SHA256(salt, record)
//	leaf  = SHA-256(0x00 and entry), as RFC 6962 has it
//
// The record is canonical JSON. It, its salt and what restores it are sealed beside the leaf, under a key of the person
// that is kept apart, in a small file. To erase a person is to destroy that key: the leaf stays, every proof of others
// holds, and nobody can say what the leaf was about.
//
// # Files
//
//	checkpoint            the signed head
//	tile/0/000, …         hashes, 256 a file, 32 bytes each; a shorter tile is the beginning of its file
//	tile/entries/000, …   entries, 256 a file, each after its length (2 bytes)
//	texts/…               statements and other texts that records name by their SHA-256
//	sealed                sealed records, one after the other
//	index                 for each leaf 32 bytes: where its sealed record is, whose it is, and a hash of its job's id
//	key.pem               the key that signs checkpoints
//	lock                  empty; locked by the process that appends
//
// and beside the folder, under its name and ".keys", the keys of the persons.
//
// Files only grow, except for a tail that was never published. A batch of leaves is on the disk before its head is in
// the store, and its head is in the store before its checkpoint is signed. So the store says where the log ends: what
// is behind that is cut off after a crash, and comes again from its jobs; and a log that is not the store's is not
// continued.
package consentlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Prefix begins every entry, so that no other HMAC can pass for one.
const Prefix = "optin-consent-log/1\n"

const (
	tileHeight  = 8
	tileWidth   = 1 << tileHeight
	entrySize   = len(Prefix) + sha256.Size
	bundleEntry = 2 + entrySize
)

// ErrDamaged means that the files of a log do not fit together.
var ErrDamaged = errors.New("consentlog: the log is damaged")

// ErrOtherHead means that a log is not the one whose head is expected: it was replaced, rewritten, or lost its end.
var ErrOtherHead = errors.New("consentlog: this is not the log whose head is known")

// ErrUnpublished means that a leaf is in no checkpoint yet.
var ErrUnpublished = errors.New("consentlog: the leaf is not published yet")

// errBusy means that another process is at the folder.
var errBusy = errors.New("consentlog: another process appends to this folder at this moment")

// Head is a state of the log.
type Head struct {
	Size int64
	Root tlog.Hash
}

// String returns the head as the store keeps it.
func (h Head) String() string {
	return fmt.Sprintf("%d %s", h.Size, base64.StdEncoding.EncodeToString(h.Root[:]))
}

// parseHead reads what String wrote.
func parseHead(text string) (h Head, err error) {
	var root string
	if _, err := fmt.Sscanf(text, "%d %s", &h.Size, &root); err != nil {
		return Head{}, fmt.Errorf("consentlog: a head that cannot be read: %w", err)
	}
	if h.Root, err = tlog.ParseHash(root); err != nil || h.String() != text {
		return Head{}, errors.New("consentlog: a head that cannot be read")
	}
	return h, nil
}

// Sealer seals under the secret of the service, for one context, and from any goroutine. *keyring.Box is one if it is
// shared.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Log is a log in a folder. One process at a time appends; any number may read. Its methods may be called from any
// goroutine.
type Log struct {
	folder
	origin string
	key    ed25519.PrivateKey

	records, erasures func() Sealer

	mu     sync.RWMutex
	size   int64
	sealed int64 // of the file of that name
	people *people
	slots  int              // of people, that leaves name
	recent map[[8]byte]bool // the ids of the jobs of the last leaves
}

// Options say where a log is and who signs it.
type Options struct {
	Dir    string
	Origin string                      // the name that its checkpoints carry: host and path, without a scheme
	Key    ed25519.PrivateKey          // signs checkpoints; nil: Dir/key.pem, which is made where there is none
	Sealer func(context string) Sealer // called when something is first sealed or opened
}

// Open opens a log, or begins one in an empty or missing folder.
func Open(o Options) (*Log, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	l := &Log{
		folder: folder(o.Dir), origin: o.Origin, key: o.Key, recent: map[[8]byte]bool{},
		records:  sync.OnceValue(func() Sealer { return o.Sealer("consent log record") }),
		erasures: sync.OnceValue(func() Sealer { return o.Sealer("consent log erasure") }),
	}
	var err error
	if l.key == nil {
		if err := l.keyLost(); err != nil {
			return nil, err
		}
		if l.key, err = ownKey(l.keyPath()); err != nil {
			return nil, err
		}
	}
	return l, l.reload()
}

// maxRecent is how many leaves are remembered, at least, by the ids of their jobs. A batch is not appended before every
// job of the one before has ended, or the store was away: then its jobs come again when their leases end.
const maxRecent = 1 << 15

// reload reads the keys of persons, the size of the log, and the jobs of its last leaves from its files.
func (l *Log) reload() error {
	index, err := l.readIndex()
	if err != nil {
		return err
	}
	if l.people, err = l.openPeople(); err != nil {
		return err
	}
	clear(l.recent)
	l.size, l.slots = index.size(), index.slots()
	for n := max(0, l.size-maxRecent); n < l.size; n++ {
		l.recent[[8]byte(index[n*indexSize+24:])] = true
	}
	l.sealed, err = l.sealedEnd(index)
	return err
}

// current reports whether the folder has as many leaves as this process knows of, and their keys: no other one has
// appended since, and nothing was lost.
func (l *Log) current() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	n, err := LeavesIn(l.Dir())
	return err == nil && n == l.size && l.people.inPlace(l.slots) == nil
}

// Size returns how many leaves there are.
func (l *Log) Size() int64 { l.mu.RLock(); defer l.mu.RUnlock(); return l.size }

// Leaf is one to be appended.
type Leaf struct {
	JobID  string
	Person Person
	Record []byte // canonical JSON
	Salt   [32]byte
	Rest   []byte // what restores it
	At     int64  // when it happened, in ms since 1970
	Erases bool   // the person's key is destroyed, and this record is sealed under the service's
}

// Person is a keyed id of somebody: of 16 bytes.
type Person [16]byte

// NewSalt returns a fresh salt.
func NewSalt() (salt [32]byte) {
	_, _ = rand.Read(salt[:]) // which ends the program rather than fail
	return salt
}

// Commit returns the commitment to a record.
func Commit(salt [32]byte, record []byte) []byte {
	m := hmac.New(sha256.New, salt[:])
	m.Write(record)
	return m.Sum(nil)
}

// entryOf returns the entry of a commitment.
func entryOf(commitment []byte) []byte { return append([]byte(Prefix), commitment...) }

// LeafHash returns the hash of the leaf of a record.
func LeafHash(salt [32]byte, record []byte) tlog.Hash {
	return tlog.RecordHash(entryOf(Commit(salt, record)))
}

// Has reports whether one of the last leaves is of a job. Its leaf must not be appended again.
func (l *Log) Has(jobID string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.recent[jobHash(jobID)]
}

func jobHash(id string) [8]byte {
	sum := sha256.Sum256([]byte(id))
	return [8]byte(sum[:8])
}

// Append appends leaves, and returns the head after them. When it returns they are on the disk; nobody is told of them
// before Publish.
func (l *Log) Append(leaves []Leaf) (Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var hashes, bundles, sealed, index []byte
	for _, leaf := range leaves {
		entry := entryOf(Commit(leaf.Salt, leaf.Record))
		h := tlog.RecordHash(entry)
		hashes = append(hashes, h[:]...)
		bundles = append(binary.BigEndian.AppendUint16(bundles, uint16(len(entry))), entry...)
	}
	slots, err := l.people.slots(leaves)
	if err != nil {
		return Head{}, err
	}
	for i, leaf := range leaves {
		at := indexEntry{offset: l.sealed + int64(len(sealed)), slot: slots[i], job: jobHash(leaf.JobID)}
		s, err := l.seal(leaf, slots[i], l.size+int64(i))
		if err != nil {
			return Head{}, err
		}
		sealed = append(sealed, s...)
		at.length = int64(len(s))
		index = at.append(index)
	}
	if err := writeAt(l.path("sealed"), l.sealed, sealed); err != nil {
		return Head{}, err
	}
	if err := l.writeTiles("entries", bundleEntry, l.size, bundles); err != nil {
		return Head{}, err
	}
	if err := l.writeHashes(l.size, hashes); err != nil {
		return Head{}, err
	}
	if err := writeAt(l.path("index"), l.size*indexSize, index); err != nil {
		return Head{}, err
	}
	l.size, l.sealed = l.size+int64(len(leaves)), l.sealed+int64(len(sealed))
	if len(l.recent) > 2*maxRecent {
		if err := l.reload(); err != nil {
			return Head{}, err
		}
	}
	for _, leaf := range leaves {
		l.recent[jobHash(leaf.JobID)] = true
	}
	return l.head(l.size)
}

// head returns the head that the log had at a size.
func (l *Log) head(size int64) (h Head, err error) {
	h.Size = size
	h.Root, err = tlog.TreeHash(size, l.reader())
	return h, err
}

// Head returns the head of the log.
func (l *Log) Head() (Head, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head(l.size)
}

// Rewind reads the files again, which another process may have changed since this log was opened or appended to, and
// cuts off what is behind a head that is known, which was never published. It returns ErrOtherHead, and changes
// nothing, if the log did not have that head, or if more of it was published: then the store is an older copy.
func (l *Log) Rewind(to Head) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.reload(); err != nil {
		return err
	}
	if to.Size > l.size {
		return fmt.Errorf("%w: it has %d leaves, and the known one %d", ErrOtherHead, l.size, to.Size)
	}
	is, err := l.head(to.Size)
	if err != nil {
		return err
	}
	if is.Root != to.Root {
		return fmt.Errorf("%w: its first %d leaves are others", ErrOtherHead, to.Size)
	}
	if err := l.people.complete(l.slots); err != nil {
		return err
	}
	if to.Size == l.size {
		return nil
	}
	switch published, err := l.publishedSize(); {
	case err == nil && published > to.Size:
		return fmt.Errorf("%w: %d leaves are published, and the store knows of %d: a store that is an older copy is "+
			"brought up to date by optin erase -replay", ErrOtherHead, published, to.Size)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Truncate(l.path("index"), to.Size*indexSize); err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	return l.reload() // what is written next begins there, and each file is cut to where that begins
}

// Publish signs the head of the log as its checkpoint.
func (l *Log) Publish() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	h, err := l.head(l.size)
	if err != nil {
		return err
	}
	text, err := note.Sign(&note.Note{Text: checkpointText(l.origin, h)}, l.signer())
	if err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	return replace(l.path("checkpoint"), text)
}

// Opened is a leaf with its record.
type Opened struct {
	Index  int64
	Person Person // zero: erased
	Record []byte // nil: the person was erased
	Salt   [32]byte
	Rest   []byte
}

// Each calls f with every leaf, in their order, until it returns an error.
func (l *Log) Each(f func(Opened) error) error {
	return l.EachAtOnce(1, func(int64) bool { return true }, f)
}

// EachAtOnce calls f with the leaves that are wanted, by so many goroutines at once, until it returns an error. With
// one goroutine they come in their order.
func (l *Log) EachAtOnce(goroutines int, wanted func(index int64) bool, f func(Opened) error) error {
	r, err := l.readSealed()
	if err != nil {
		return err
	}
	defer r.file.Close()
	return r.each(goroutines, func(n int64, _ uint32) bool { return wanted(n) }, f)
}

// Of returns the leaves about a person whose key was not destroyed.
func (l *Log) Of(p Person) (all []Opened, err error) {
	r, err := l.readSealed()
	if err != nil {
		return nil, err
	}
	defer r.file.Close()
	slots := r.keys.of(p)
	if len(slots) == 0 {
		return nil, nil
	}
	err = r.each(1, func(_ int64, slot uint32) bool { return slots[slot] }, func(o Opened) error {
		all = append(all, o)
		return nil
	})
	return all, err
}

// sealedReader reads and opens sealed records.
type sealedReader struct {
	*Log
	keys  *people
	index []byte
	file  *os.File
	size  int64 // of it
}

// readSealed reads the files again: leaves may have been appended, and keys destroyed, by another process. A leaf's key
// is written first, then its record, then its place in the index, so they are read the other way round: what is in the
// index is there whole, also while another one is being appended.
func (l *Log) readSealed() (*sealedReader, error) {
	least := l.Size()
	index, err := l.readIndex()
	if err != nil {
		return nil, err
	}
	if index.size() < least {
		return nil, fmt.Errorf("%w: the index is too short", ErrDamaged)
	}
	keys, err := l.openPeople()
	if err != nil {
		return nil, err
	}
	r := &sealedReader{Log: l, keys: keys, index: index}
	if len(index) < indexSize {
		return r, nil // and there may be no file yet
	}
	if r.file, err = os.Open(l.path("sealed")); err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	is, err := r.file.Stat()
	if err != nil {
		r.file.Close()
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	r.size = is.Size()
	return r, nil
}

// each calls f with the leaves at these places of the index, of persons of these slots.
func (r *sealedReader) each(goroutines int, of func(index int64, slot uint32) bool, f func(Opened) error) error {
	size := int64(len(r.index)) / indexSize
	var (
		next   atomic.Int64
		once   sync.Once
		failed error
		all    sync.WaitGroup
	)
	work := func() {
		for n := next.Add(1) - 1; n < size; n = next.Add(1) - 1 {
			if !of(n, r.at(n).slot) {
				continue
			}
			o, err := r.read(n)
			if err == nil {
				err = f(o)
			}
			if err != nil {
				once.Do(func() { failed = err })
				next.Store(size) // nobody begins another
			}
		}
	}
	for range goroutines - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
	return failed
}

func (r *sealedReader) at(n int64) indexEntry { return parseIndex(r.index[n*indexSize:]) }

// read returns a leaf with its record.
func (r *sealedReader) read(n int64) (Opened, error) {
	at, o := r.at(n), Opened{Index: n}
	if !at.within(r.size) {
		return o, fmt.Errorf("%w: the record of leaf %d is not in the file of records", ErrDamaged, n)
	}
	b := make([]byte, at.length)
	if _, err := r.file.ReadAt(b, at.offset); err != nil {
		return o, fmt.Errorf("%w: the record of leaf %d cannot be read: %w", ErrDamaged, n, err)
	}
	if err := r.open(r.keys, &o, b, at.slot); err != nil {
		return o, fmt.Errorf("%w: the record of leaf %d: %w", ErrDamaged, n, err)
	}
	return o, nil
}

// Prove returns the proof that a leaf is in the tree of the last checkpoint, in the format of C2SP's tlog-proof;
// ErrUnpublished.
func (l *Log) Prove(index int64) ([]byte, error) {
	checkpoint, err := l.Checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrUnpublished
	}
	if err != nil {
		return nil, err
	}
	n, err := note.Open(checkpoint, note.VerifierList(l.Verifier()))
	if err != nil {
		return nil, fmt.Errorf("%w: its checkpoint: %w", ErrDamaged, err)
	}
	h, err := parseCheckpoint(n.Text)
	if err != nil {
		return nil, err
	}
	if index >= h.Size {
		return nil, ErrUnpublished
	}
	proof, err := tlog.ProveRecord(h.Size, index, l.reader())
	if err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nindex %d\n", index)
	for _, hash := range proof {
		fmt.Fprintf(&b, "%s\n", hash)
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes(), nil
}
