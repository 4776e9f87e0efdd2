package consentlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrVerify means that something is not as it was signed. What and where stands beside it.
var ErrVerify = errors.New("consentlog: does not verify")

// Verify recomputes a whole log from its published files, with the public key alone: every entry, every hash of every
// tile, the root and the signature of the checkpoint. With since, an older checkpoint that somebody kept, it also
// verifies that the log has only grown after it. It returns the head, or ErrVerify with the first thing that is wrong.
// progress is told how many leaves were read, and of how many; it may be nil.
func Verify(dir string, key string, since []byte, progress func(read, of int64)) (Head, error) {
	wrong := func(format string, args ...any) (Head, error) {
		return Head{}, fmt.Errorf("%w: "+format, append([]any{ErrVerify}, args...)...)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return wrong("the public key cannot be read")
	}
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return wrong("the checkpoint cannot be read: %w", err)
	}
	head, err := OpenCheckpoint(text, v)
	if err != nil {
		return wrong("%w", err)
	}
	l := folder(dir)
	level0 := make([]byte, 0, head.Size*tlog.HashSize)
	for from := int64(0); from < head.Size; from += tileWidth {
		if progress != nil {
			progress(from, head.Size)
		}
		n := min(tileWidth, head.Size-from)
		bundle, err := l.readTile("entries", from/tileWidth)
		if err != nil || int64(len(bundle)) < n*int64(bundleEntry) {
			return wrong("entries %d to %d are missing", from, from+n-1)
		}
		tile, err := l.readTile("0", from/tileWidth)
		if err != nil || int64(len(tile)) < n*tlog.HashSize {
			return wrong("the hashes of leaves %d to %d are missing", from, from+n-1)
		}
		for i := range n {
			entry := bundle[i*int64(bundleEntry):][:bundleEntry]
			if int(binary.BigEndian.Uint16(entry)) != entrySize || !bytes.HasPrefix(entry[2:], []byte(Prefix)) {
				return wrong("entry %d is not one", from+i)
			}
			hash := tlog.RecordHash(entry[2:])
			if !bytes.Equal(hash[:], tile[i*tlog.HashSize:][:tlog.HashSize]) {
				return wrong("leaf %d is not the hash of entry %d", from+i, from+i)
			}
			level0 = append(level0, hash[:]...)
		}
	}
	if err := l.verifyTiles(level0); err != nil {
		return Head{}, err
	}
	root, err := tlog.TreeHash(head.Size, l.reader())
	if err != nil || root != head.Root {
		return wrong("the leaves do not lead to the root of the checkpoint: some were changed, removed or reordered")
	}
	if since == nil {
		return head, nil
	}
	old, err := OpenCheckpoint(since, v)
	switch {
	case err != nil:
		return wrong("the kept checkpoint: %w", err)
	case old.Size > head.Size:
		return wrong("the log has %d leaves, and had %d when the kept checkpoint was signed", head.Size, old.Size)
	}
	then, err := tlog.TreeHash(old.Size, l.reader())
	if err != nil || then != old.Root {
		return wrong("the history was rewritten: its first %d leaves are not those of the kept checkpoint", old.Size)
	}
	return head, nil
}

// verifyTiles recomputes the tiles above the leaves.
func (l folder) verifyTiles(hashes []byte) error {
	for level := 1; len(hashes) >= tileWidth*tlog.HashSize; level++ {
		var above []byte
		for len(hashes) >= tileWidth*tlog.HashSize {
			root := tileRoot(hashes[:tileWidth*tlog.HashSize])
			above, hashes = append(above, root[:]...), hashes[tileWidth*tlog.HashSize:]
		}
		for from := 0; from < len(above); from += tileWidth * tlog.HashSize {
			want := above[from:min(len(above), from+tileWidth*tlog.HashSize)]
			n := from / tileWidth / tlog.HashSize
			is, err := l.readTile(strconv.Itoa(level), int64(n))
			if err != nil || len(is) < len(want) || !bytes.Equal(is[:len(want)], want) {
				return fmt.Errorf("%w: tile %d of level %d is not over the tiles below it", ErrVerify, n, level)
			}
		}
		hashes = above
	}
	return nil
}

// VerifyProof verifies a proof of Log.Prove for a record: that the record, with its salt, is the leaf that the proof
// names, in the tree that the checkpoint signs. It returns the index of the leaf and the head.
func VerifyProof(proof []byte, key string, salt [32]byte, record []byte) (index int64, h Head, err error) {
	wrong := func(what string) (int64, Head, error) { return 0, Head{}, fmt.Errorf("%w: %s", ErrVerify, what) }
	head, checkpoint, ok := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return wrong("this is not a tlog-proof")
	}
	number, ok := strings.CutPrefix(lines[1], "index ")
	if index, err = strconv.ParseInt(number, 10, 64); !ok || err != nil || strconv.FormatInt(index, 10) != number {
		return wrong("the proof names no leaf")
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil || hash.String() != line {
			return wrong("the proof has a hash that is none, or not in its one spelling")
		}
		path = append(path, hash)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return wrong("the public key of the log cannot be read")
	}
	if h, err = OpenCheckpoint(checkpoint, v); err != nil {
		return 0, Head{}, fmt.Errorf("%w: %w", ErrVerify, err)
	}
	if tlog.CheckRecord(path, h.Size, h.Root, index, LeafHash(salt, record)) != nil {
		return wrong(fmt.Sprintf("the record is not leaf %d of the log, or was changed", index))
	}
	return index, h, nil
}
