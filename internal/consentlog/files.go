package consentlog

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// indexSize is what the index has for a leaf: the offset and the length of its sealed record, the slot of its person,
// and a hash of its job's id.
const indexSize = 32

type indexEntry struct {
	offset, length int64
	slot           uint32
	job            [8]byte
}

func (e indexEntry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.offset))
	b = binary.BigEndian.AppendUint64(b, uint64(e.length))
	b = binary.BigEndian.AppendUint32(b, e.slot)
	b = append(b, 0, 0, 0, 0)
	return append(b, e.job[:]...)
}

func parseIndex(b []byte) indexEntry {
	return indexEntry{
		offset: int64(binary.BigEndian.Uint64(b)), length: int64(binary.BigEndian.Uint64(b[8:])),
		slot: binary.BigEndian.Uint32(b[16:]), job: [8]byte(b[24:]),
	}
}

// index is the whole file of that name.
type index []byte

// size returns how many leaves it has.
func (x index) size() int64 { return int64(len(x)) / indexSize }

// slots returns how many slots of persons its leaves name.
func (x index) slots() (n int) {
	for i := range x.size() {
		if slot := parseIndex(x[i*indexSize:]).slot; slot != noSlot {
			n = max(n, int(slot)+1)
		}
	}
	return n
}

// within reports whether the sealed record is within a file of some bytes.
func (e indexEntry) within(size int64) bool {
	return e.offset >= 0 && e.length >= 0 && e.offset <= size && e.length <= size-e.offset
}

// folder is the files of a log that anybody may read, and the texts.
type folder string

func (l folder) path(name ...string) string {
	return filepath.Join(append([]string{string(l)}, name...)...)
}

// LeavesIn returns how many leaves the log in a folder has, and creates nothing; 0: there is none.
func LeavesIn(dir string) (int64, error) {
	is, err := os.Stat(folder(dir).path("index"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("consentlog: %w", err)
	}
	return is.Size() / indexSize, nil
}

// Inspect returns an error if the log in a folder cannot be continued, because it lacks records, keys of persons, or
// its own key, unless another one signs. It changes nothing, and asks no store whether that is its log.
func Inspect(dir string, key ed25519.PrivateKey) error {
	l := folder(dir)
	if key == nil {
		if err := l.keyLost(); err != nil {
			return err
		}
	}
	index, err := l.readIndex()
	if err != nil {
		return err
	}
	if _, err := l.sealedEnd(index); err != nil {
		return err
	}
	keys, slots := l.keysPath(), index.slots()
	n, err := keysIn(keys)
	if err != nil || n >= slots {
		return err
	}
	if _, err := os.Stat(keys + lostSuffix); err == nil {
		return nil // an operator knows
	}
	return lacks(keys, slots-n, slots)
}

// keysPath returns the path of the file of keys: beside the folder, since it must be kept apart.
func (l folder) keysPath() string { return string(l) + ".keys" }

// readIndex reads the index; it is empty if there is none.
func (l folder) readIndex() (index, error) { return readFrom(l.path("index"), 0) }

// sealedEnd returns where the sealed records of an index end, or an error if their file is shorter.
func (l folder) sealedEnd(x index) (int64, error) {
	if x.size() == 0 {
		return 0, nil
	}
	last := parseIndex(x[(x.size()-1)*indexSize:])
	if is, err := os.Stat(l.path("sealed")); err != nil || !last.within(is.Size()) {
		return 0, fmt.Errorf("%w: the record of leaf %d is not in the file of records: put the newest copy of %s back",
			ErrDamaged, x.size()-1, l.path("sealed"))
	}
	return last.offset + last.length, nil
}

// Dir returns the folder.
func (l folder) Dir() string { return string(l) }

// Checkpoint returns the last one that was signed; os.ErrNotExist if there is none yet.
func (l folder) Checkpoint() ([]byte, error) { return os.ReadFile(l.path("checkpoint")) }

// tileName returns the path of a tile within a folder: x001/x234/067.
func tileName(n int64) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	return name
}

// writeTiles writes items of one size to the tiles of a level, from item number from on.
func (l folder) writeTiles(level string, size int, from int64, items []byte) error {
	for len(items) > 0 {
		tile, within := from/tileWidth, from%tileWidth
		n := min(int64(len(items)/size), tileWidth-within)
		name := l.path("tile", level, filepath.FromSlash(tileName(tile)))
		if err := writeAt(name, within*int64(size), items[:n*int64(size)]); err != nil {
			return err
		}
		items, from = items[n*int64(size):], from+n
	}
	return nil
}

// writeHashes writes the hashes of new leaves, from leaf number from on, and of every tile that they fill up.
func (l folder) writeHashes(from int64, hashes []byte) error {
	for level := 0; len(hashes) > 0; level++ {
		name := fmt.Sprint(level)
		if err := l.writeTiles(name, tlog.HashSize, from, hashes); err != nil {
			return err
		}
		to := from + int64(len(hashes)/tlog.HashSize)
		var above []byte
		for tile := from / tileWidth; tile < to/tileWidth; tile++ {
			full, err := os.ReadFile(l.path("tile", name, filepath.FromSlash(tileName(tile))))
			if err != nil || len(full) != tileWidth*tlog.HashSize {
				return fmt.Errorf("%w: tile %d of level %s has %d bytes: %w", ErrDamaged, tile, name, len(full), err)
			}
			root := tileRoot(full)
			above = append(above, root[:]...)
		}
		hashes, from = above, from/tileWidth
	}
	return nil
}

// tileRoot returns the root over the hashes of a whole tile.
func tileRoot(hashes []byte) tlog.Hash {
	if len(hashes) == tlog.HashSize {
		return tlog.Hash(hashes)
	}
	half := len(hashes) / 2
	return tlog.NodeHash(tileRoot(hashes[:half]), tileRoot(hashes[half:]))
}

// readTile returns what a tile has. Where the folder was fetched file by file from a server, a tile that is not full is
// there under its widths, as C2SP spells them: 000.p/17.
func (l folder) readTile(level string, n int64) ([]byte, error) {
	name := l.path("tile", level, filepath.FromSlash(tileName(n)))
	b, err := os.ReadFile(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	parts, _ := os.ReadDir(name + ".p")
	widest := 0
	for _, part := range parts {
		width, _ := strconv.Atoi(part.Name())
		widest = max(widest, width)
	}
	if widest == 0 {
		return nil, err
	}
	return os.ReadFile(filepath.Join(name+".p", strconv.Itoa(widest)))
}

// reader reads hashes of the tree from the tiles.
func (l folder) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		type place struct {
			level int
			n     int64
		}
		files, all := map[place][]byte{}, make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			t := tlog.TileForIndex(tileHeight, index)
			data, ok := files[place{t.L, t.N}]
			if !ok {
				var err error
				if data, err = l.readTile(strconv.Itoa(t.L), t.N); err != nil {
					return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
				}
				files[place{t.L, t.N}] = data
			}
			if len(data) < t.W*tlog.HashSize {
				return nil, fmt.Errorf("%w: tile %d of level %d is too short", ErrDamaged, t.N, t.L)
			}
			h, err := tlog.HashFromTile(t, data[:t.W*tlog.HashSize], index)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			all[i] = h
		}
		return all, nil
	})
}

// Tile returns a tile by its path below /tile/ in the format of C2SP: a level or "entries", the number in groups of
// three digits, and ".p/W" for one that is not full. What it returns never changes. It returns fs.ErrNotExist for what
// is not published, in whatever spelling.
func (l folder) Tile(path string) ([]byte, error) {
	level, number, _ := strings.Cut(path, "/")
	var size int64
	item := int64(tlog.HashSize)
	published, err := l.publishedSize()
	if err != nil {
		return nil, err
	}
	if level == "entries" {
		size, item = published, int64(bundleEntry)
	} else {
		// The path as the checksum database spells it has the height before the level.
		t, err := tlog.ParseTilePath("tile/8/" + path)
		if err != nil || t.L < 0 || t.L > 6 || tilePath(t) != path {
			return nil, fs.ErrNotExist
		}
		size = published >> (tileHeight * t.L)
	}
	t, err := tlog.ParseTilePath("tile/8/0/" + number)
	if err != nil || "0/"+number != tilePath(t) {
		return nil, fs.ErrNotExist
	}
	if t.N*tileWidth+int64(t.W) > size {
		return nil, fs.ErrNotExist
	}
	all, err := os.ReadFile(l.path("tile", level, filepath.FromSlash(tileName(t.N))))
	if err != nil {
		return nil, err
	}
	if int64(len(all)) < int64(t.W)*item {
		return nil, fmt.Errorf("%w: tile %s is too short", ErrDamaged, path)
	}
	return all[:int64(t.W)*item], nil
}

// tilePath returns the path of a tile of hashes as C2SP spells it, below tile/.
func tilePath(t tlog.Tile) string { return strings.TrimPrefix(t.Path(), "tile/8/") }

// publishedSize returns the size of the last checkpoint.
func (l folder) publishedSize() (int64, error) {
	text, err := l.Checkpoint()
	if err != nil {
		return 0, err
	}
	h, err := parseCheckpoint(string(text))
	return h.Size, err
}

// writeAt writes bytes at the end of a file that has at least so many bytes, cuts off what was behind them, and returns
// when they are on the disk.
func writeAt(name string, at int64, b []byte) (err error) {
	made := false
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("consentlog: %w", err)
		}
		made = true
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	defer func() {
		if closed := f.Close(); err == nil && closed != nil {
			err = fmt.Errorf("consentlog: %w", closed)
		}
	}()
	is, err := f.Stat()
	if err == nil && is.Size() < at {
		return fmt.Errorf("%w: %s has %d bytes, and not %d", ErrDamaged, filepath.Base(name), is.Size(), at)
	}
	if err == nil && is.Size() > at {
		err = f.Truncate(at)
	}
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil && made {
		err = syncFolder(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	return nil
}

// replace puts a file in the place of another in one step.
func replace(name string, b []byte) error {
	next := name + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("consentlog: %w", err)
	}
	if err := writeAt(next, 0, b); err != nil {
		return err
	}
	if err := os.Rename(next, name); err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	return nil
}

func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readFrom returns the bytes of a file from an offset on; none if it does not exist.
func readFrom(name string, at int64) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	return b[min(at, int64(len(b))):], nil
}

// KeepText keeps a copy of a text of the store under its SHA-256, unless there is one. get returns nil if the store has
// no such text either.
func (l folder) KeepText(sum string, get func() ([]byte, error)) error {
	name := l.path("texts", sum[:2], sum)
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	text, err := get()
	if err != nil || text == nil {
		return err
	}
	return replace(name, text)
}

// Texts calls f with each text that was kept.
func (l folder) Texts(f func(sum string, text []byte) error) error {
	root, err := os.OpenRoot(l.path("texts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	files := root.FS()
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".next") {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return f(d.Name(), text)
	})
}
