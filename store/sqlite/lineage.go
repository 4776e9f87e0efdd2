package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"time"

	driversqlite "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"
)

// SQLite applies a log to whatever file is beside it. If a copy was put in the place of a file that was open, or whose
// process had died, the log of the former file would be written over the copy; and a copy that was written into an open
// file is noticed only where its pages do not fit. So this package keeps in the file how the two belong together.
//
// Ready writes a time into the table ready, which is later each time. A checkpoint moves it from the log into the file
// itself, where it is read without the log. Beside it Ready writes which time the file itself had. So the file has one
// of the times that its log has; and what a file has never becomes less while it is open.

const (
	tag = 0x6f7074696e2d6462 // by which a page of the table is found in the log

	// Row 1 is when Ready was asked, row 2 the time that the file itself had then, row 3 the tag.
	askReady = `INSERT INTO ready (one, asked) VALUES (1, ?), (2, ?), (3, ?)
		ON CONFLICT (one) DO UPDATE SET asked = excluded.asked`
	selectAsked = "SELECT asked FROM ready WHERE one = 1"
	askCookie   = "PRAGMA schema_version"
)

// inFile is what the file itself has, without its log.
type inFile struct {
	application int64
	cookie      int64 // is later after each change of the schema, and in a copy that VACUUM INTO made
	asked       int64 // when Ready was; 0: never, or the schema is one between two changes
}

// readFile reads the file without its log. SQLite opens it, since to close a file that SQLite has open would take its
// locks away (https://www.sqlite.org/howtocorrupt.html, 2.2).
func readFile(ctx context.Context, path string) (is inFile, err error) {
	file := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&immutable=1"}
	base, err := driversqlite.NewConnector(file.String())
	if err != nil {
		return is, err
	}
	opened, err := base.Connect(ctx)
	if err != nil {
		return is, err
	}
	c := &conn{Conn: opened, statements: map[string]statement{}}
	defer func() { err = errors.Join(err, c.Close()) }()
	var has [3]driver.Value
	for i, ask := range []string{askApplication, askCookie, selectAsked} {
		if has[i], err = c.value(ask); err != nil && primaryCode(err) != code.SQLITE_ERROR {
			return is, err
		}
	}
	return inFile{integer(has[0]), integer(has[1]), integer(has[2])}, nil
}

// lineage is what the file itself had when it was read last.
type lineage struct {
	path  string
	asked int64 // when Ready was
}

// note writes when Ready is asked, and returns an error if the file itself is not the one that was open: what it has is
// earlier than what it had, or later than what was ever written.
func (l *lineage) note(t *transaction) error {
	asked, err := t.value(selectAsked)
	if err != nil {
		return err
	}
	cookie, err := t.value(askCookie)
	if err != nil {
		return err
	}
	now := max(integer(asked)+1, millis(t.now))
	is, err := l.read(func(is inFile) bool {
		between := is.asked == 0 && is.cookie < integer(cookie)
		return is.application == application && is.cookie <= integer(cookie) &&
			(between || is.asked >= l.asked && is.asked <= integer(asked))
	})
	if err != nil {
		return err
	}
	l.asked = max(l.asked, is.asked)
	_, err = t.exec(askReady, now, l.asked, int64(tag))
	return err
}

// read reads the file until ok returns true of it, at most a few times: another process may move what is in the log
// into it meanwhile. Where that was interrupted, as by the end of the process, the file is not whole without its log,
// and nothing can be said of it until it is done again.
func (l *lineage) read(ok func(inFile) bool) (is inFile, err error) {
	for try := 0; ; try++ {
		is, err = readFile(context.Background(), l.path)
		switch {
		case err == nil && ok(is):
			return is, nil
		case try < lineageTries:
			time.Sleep(lineagePause)
		case err == nil, primaryCode(err) == code.SQLITE_NOTADB:
			return is, errors.Join(errOverwritten, err)
		case primaryCode(err) == code.SQLITE_CORRUPT:
			return inFile{asked: l.asked}, nil
		default:
			return is, err
		}
	}
}

const (
	lineageTries = 3
	lineagePause = 10 * time.Millisecond
)

// errOverwritten says that the file has another content than the one that was open.
var errOverwritten = errors.New("the file was overwritten")

// checkLog refuses a log that is not of the file beside it. One without a page of the table ready, as if nothing was
// written for a second, is believed.
func checkLog(ctx context.Context, path string, inWALMode bool) error {
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		return nil //nolint:nilerr // there is none, or it cannot be read, which SQLite will say
	}
	for try := 0; ; try++ {
		is := inFile{}
		if inWALMode {
			var err error
			if is, err = readFile(ctx, path); err != nil {
				return nil //nolint:nilerr // the file needs its log to be whole, or is damaged: SQLite will find out
			}
		}
		l, err := readLog(path+"-wal", is.asked)
		switch {
		case err != nil:
			return err
		case l.pages == 0, inWALMode && (!l.tagged || l.has || is.asked <= math.MaxInt32):
			return nil
		case try == lineageTries || pause(ctx, lineagePause) != nil:
			return refuse("its log %[1]s-wal is another file's: this file was put in the place of that one while "+
				"optin ran, or after it had died, and the log would be written over it; to use this file, move the "+
				"log away: mv %[1]s-wal %[1]s-wal.former; to use the former one, put it back", path)
		}
	}
}

// logged is what a log has.
type logged struct {
	pages  int  // of all tables
	tagged bool // some of the table ready
	has    bool // the time that was asked for, in one of those
}

// readLog looks for a time in the pages of the table ready in a log (https://www.sqlite.org/fileformat2.html, 4.1).
func readLog(path string, asked int64) (l logged, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, refuse("its log cannot be read: %w: let the user that optin runs as read and write it", err)
	}
	defer file.Close()
	head := make([]byte, 32)
	if n, err := io.ReadFull(file, head); n < len(head) {
		return l, ignoreEnd(err) // SQLite takes it for an empty one
	}
	size := binary.BigEndian.Uint32(head[8:])
	if binary.BigEndian.Uint32(head)&^1 != 0x377f0682 || size < 512 || size > 65536 {
		return l, nil
	}
	mark, time := bigEndian(tag), bigEndian(asked)[2:] // SQLite writes a time in 6 bytes
	for in, frame := bufio.NewReaderSize(file, 1<<20), make([]byte, 24+size); ; l.pages++ {
		if n, err := io.ReadFull(in, frame); n < len(frame) {
			return l, ignoreEnd(err)
		}
		if !bytes.Equal(frame[8:16], head[16:24]) { // from before the log was begun anew
			return l, nil
		}
		if bytes.Contains(frame, mark) {
			l.tagged = true
			l.has = l.has || bytes.Contains(frame, time)
		}
	}
}

func bigEndian(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } // #nosec G115 -- the bits

// ignoreEnd returns nil for a file that ends, in the midst of something or not.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
