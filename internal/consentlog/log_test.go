package consentlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/keyring"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sealer(t testing.TB) func(context string) consentlog.Sealer {
	t.Helper()
	r, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	return func(context string) consentlog.Sealer { return r.Shared(context) }
}

// open opens a log; the same folder again is the same log.
func open(t testing.TB, dir string) *consentlog.Log {
	t.Helper()
	l, err := consentlog.Open(consentlog.Options{Dir: dir, Origin: "confirm.example/log", Sealer: sealer(t)})
	must(t, err)
	return l
}

// person is one of many.
func person(i int) (who consentlog.Person) {
	copy(who[:], fmt.Sprintf("person %d", i))
	return who
}

// leaf is the i-th leaf of a test, which is about one of 10 people.
func leaf(i int) consentlog.Leaf {
	return consentlog.Leaf{
		JobID: fmt.Sprint("job-", i), Person: person(i % 10), Salt: consentlog.NewSalt(), At: int64(1000 + i),
		Record: fmt.Appendf(nil, `{"record":%d}`, i), Rest: fmt.Appendf(nil, "rest %d", i),
	}
}

// fill appends the leaves from to to, a few at a time, and publishes them.
func fill(t testing.TB, l *consentlog.Log, from, to int) {
	t.Helper()
	for from < to {
		var leaves []consentlog.Leaf
		for range min(1+from%97, to-from) {
			leaves = append(leaves, leaf(from))
			from++
		}
		_, err := l.Append(leaves)
		must(t, err)
	}
	must(t, l.Publish())
}

func verify(l *consentlog.Log, since []byte) error {
	_, err := consentlog.Verify(l.Dir(), l.PublicKey(), since, nil)
	return err
}

func TestALogIsReadAsItWasWrittenAndEveryLeafIsProved(t *testing.T) {
	const n = 700 // more than two tiles
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, n)
	l = open(t, l.Dir()) // as after a restart
	must(t, verify(l, nil))
	seen := 0
	must(t, l.Each(func(o consentlog.Opened) error {
		if want := fmt.Sprintf(`{"record":%d}`, seen); string(o.Record) != want || o.Person != person(seen%10) {
			t.Errorf("leaf %d: %s", seen, o.Record)
		}
		proof, err := l.Prove(o.Index)
		must(t, err)
		at, head, err := consentlog.VerifyProof(proof, l.PublicKey(), o.Salt, o.Record)
		if err != nil || at != int64(seen) || head.Size != n {
			t.Errorf("leaf %d: %d, %v", seen, at, err)
		}
		changed := bytes.Replace(o.Record, []byte("record"), []byte("recorD"), 1)
		_, _, err = consentlog.VerifyProof(proof, l.PublicKey(), o.Salt, changed)
		if !errors.Is(err, consentlog.ErrVerify) {
			t.Errorf("leaf %d with another record: %v", seen, err)
		}
		seen++
		return nil
	}))
	of, err := l.Of(person(3))
	if seen != n || err != nil || len(of) != n/10 || of[1].Index != 13 {
		t.Errorf("%d leaves, %d of one person, %v", seen, len(of), err)
	}
}

// What a log says while it grows is no damage: a leaf is read whole, or not yet.
func TestALogIsReadWhileItGrows(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	var grown atomic.Bool
	var readers sync.WaitGroup
	for range 16 {
		reader := open(t, l.Dir())
		readers.Go(func() {
			for !grown.Load() {
				if err := reader.Each(func(consentlog.Opened) error { return nil }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 100 {
		one := leaf(i)
		one.Person = person(i) // each with a key of their own
		_, err := l.Append([]consentlog.Leaf{one})
		must(t, err)
	}
	grown.Store(true)
	readers.Wait()
}

func TestEveryChangedByteIsFoundAndNamed(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 300)
	files := 0
	must(t, filepath.WalkDir(l.Dir(), func(name string, d fs.DirEntry, err error) error {
		must(t, err)
		below, _ := filepath.Rel(l.Dir(), name)
		if d.IsDir() || !strings.HasPrefix(below, "tile") && below != "checkpoint" {
			return nil
		}
		files++
		b, err := os.ReadFile(name)
		must(t, err)
		for i := 0; i < len(b); i += 1 + len(b)/97 {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			must(t, os.WriteFile(name, changed, 0o600))
			if err := verify(l, nil); !errors.Is(err, consentlog.ErrVerify) {
				t.Errorf("byte %d of %s: %v", i, below, err)
			}
		}
		must(t, os.WriteFile(name, b[:len(b)-1], 0o600))
		if err := verify(l, nil); !errors.Is(err, consentlog.ErrVerify) {
			t.Errorf("%s without its end: %v", below, err)
		}
		return os.WriteFile(name, b, 0o600)
	}))
	if files < 6 {
		t.Errorf("only %d files", files)
	}
	must(t, verify(l, nil))
}

// TestARewrittenHistoryIsRefusedByWhoKeptACheckpoint: the holder of the key can sign another history, but not make it
// follow from the one that was seen.
func TestARewrittenHistoryIsRefusedByWhoKeptACheckpoint(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir+"/log")
	fill(t, l, 0, 50)
	kept, err := l.Checkpoint()
	must(t, err)
	fill(t, l, 50, 60)
	must(t, verify(l, kept))
	key, err := os.ReadFile(dir + "/log/key.pem")
	must(t, err)
	rewritten := func(name string, leaves ...int) error {
		must(t, os.MkdirAll(dir+"/"+name, 0o700))
		must(t, os.WriteFile(dir+"/"+name+"/key.pem", key, 0o600))
		other := open(t, dir+"/"+name)
		for _, i := range leaves {
			_, err := other.Append([]consentlog.Leaf{leaf(i)})
			must(t, err)
		}
		must(t, other.Publish())
		must(t, verify(other, nil)) // by itself it is a good log
		return verify(other, kept)
	}
	var all []int
	for i := range 60 {
		all = append(all, i)
	}
	for name, leaves := range map[string][]int{
		"removed":   append(append([]int{}, all[:20]...), all[21:]...),
		"reordered": append([]int{1, 0}, all[2:]...),
		"inserted":  append([]int{99}, all...),
		"shorter":   all[:40],
	} {
		if err := rewritten(name, leaves...); !errors.Is(err, consentlog.ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnErasedPersonIsGoneAndEveryProofStands(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 100)
	erasure := leaf(100)
	erasure.Erases, erasure.Record = true, []byte(`{"erased":true}`)
	_, err := l.Append([]consentlog.Leaf{erasure})
	must(t, err)
	must(t, l.DestroyKey(person(0), erasure.At))
	late := leaf(110)
	late.At = 1050 // it happened before
	_, err = l.Append([]consentlog.Leaf{late})
	must(t, err)
	must(t, l.Publish())
	for _, l := range []*consentlog.Log{l, open(t, l.Dir())} {
		must(t, verify(l, nil))
		gone, erasures := 0, 0
		must(t, l.Each(func(o consentlog.Opened) error {
			switch {
			case o.Record == nil:
				gone++
			case o.Index == 100:
				erasures++
			case o.Person == person(0):
				t.Errorf("leaf %d of an erased person opens", o.Index)
			}
			return nil
		}))
		if of, err := l.Of(person(0)); gone != 11 || erasures != 1 || len(of) != 0 || err != nil {
			t.Errorf("%d are gone, %d erasures, %d of the person, %v", gone, erasures, len(of), err)
		}
	}
	again := leaf(120) // they sign up again and confirm
	again.Record = []byte(`{"again":true}`)
	_, err = l.Append([]consentlog.Leaf{again})
	must(t, err)
	if of, err := l.Of(person(0)); len(of) != 1 || string(of[0].Record) != `{"again":true}` || err != nil {
		t.Errorf("%v, %v", of, err)
	}
	keys, err := os.ReadFile(l.Dir() + ".keys")
	must(t, err)
	if len(keys) != 11*56 || !bytes.Equal(keys[16:48], make([]byte, 32)) {
		t.Error("the key was not destroyed on the disk")
	}
}

func TestWhatWasNeverPublishedIsCutOffAndAnotherLogIsNotContinued(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 300)
	head, err := l.Head()
	must(t, err)
	_, err = l.Append([]consentlog.Leaf{leaf(300), leaf(301)})
	must(t, err)
	l = open(t, l.Dir())
	if !l.Has("job-301") || l.Has("job-302") {
		t.Error("the last jobs are not remembered")
	}
	must(t, l.Rewind(head))
	if l.Size() != 300 || l.Has("job-301") {
		t.Errorf("%d leaves", l.Size())
	}
	fill(t, l, 300, 520)
	must(t, verify(l, nil))
	other := head
	other.Root[0] ^= 1
	if err := l.Rewind(other); !errors.Is(err, consentlog.ErrOtherHead) || l.Size() != 520 {
		t.Errorf("%v, %d leaves", err, l.Size())
	}
	longer := head
	longer.Size = 521
	if err := l.Rewind(longer); !errors.Is(err, consentlog.ErrOtherHead) {
		t.Error(err)
	}
}

func TestWhatIsPublishedIsNeverCutOff(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 10)
	older, err := l.Head()
	must(t, err)
	fill(t, l, 10, 20)
	if err := l.Rewind(older); !errors.Is(err, consentlog.ErrOtherHead) || l.Size() != 20 {
		t.Errorf("%v, %d leaves", err, l.Size())
	}
	_, err = l.Append([]consentlog.Leaf{leaf(20)})
	must(t, err)
	if err := l.Rewind(older); !errors.Is(err, consentlog.ErrOtherHead) || l.Size() != 21 {
		t.Errorf("with a tail that is not published: %v, %d leaves", err, l.Size())
	}
}

func TestOnlyWhatIsPublishedIsServedInItsOneSpelling(t *testing.T) {
	l := open(t, t.TempDir()+"/log")
	fill(t, l, 0, 300)
	_, err := l.Append([]consentlog.Leaf{leaf(300)})
	must(t, err)
	for path, size := range map[string]int{
		"0/000": 256 * 32, "0/001.p/44": 44 * 32, "0/001.p/1": 32, "1/000.p/1": 32, "entries/000": 256 * 54,
		"entries/001.p/44": 44 * 54,
	} {
		if b, err := l.Tile(path); err != nil || len(b) != size {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
	for _, path := range []string{
		"", "0", "0/", "0/001", "0/001.p/45", "0/001.p/0", "0/001.p/044", "0/0", "0/x000/001", "00/000", "1/000",
		"2/000.p/1", "-1/000", "data/000", "entries/001.p/45", "entries/../../sealed", "../key.pem", "0/000.p/256",
		"texts/000", "entries/0", "7/000.p/1",
	} {
		if _, err := l.Tile(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func FuzzTile(f *testing.F) {
	l, err := consentlog.Open(consentlog.Options{Dir: f.TempDir() + "/log", Origin: "o/log", Sealer: sealer(f)})
	must(f, err)
	_, err = l.Append([]consentlog.Leaf{leaf(0)})
	must(f, err)
	must(f, l.Publish())
	for _, seed := range []string{"0/000.p/1", "entries/000.p/1", "x/../y", "0/x001/000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		b, err := l.Tile(path)
		if (err == nil) != (path == "0/000.p/1" || path == "entries/000.p/1") || err == nil && len(b) > 54 {
			t.Errorf("%q: %d bytes, %v", path, len(b), err)
		}
	})
}

// What somebody does after their erasure stays in the log, however late the jobs of before come, or come again.
func TestWhatFollowsAnErasureIsNotErasedWithIt(t *testing.T) {
	at := func(i int, when int64, record string) consentlog.Leaf {
		return consentlog.Leaf{
			JobID: fmt.Sprint("job-", i), Person: person(0), Salt: consentlog.NewSalt(), At: when,
			Record: []byte(record), Rest: []byte("rest"),
		}
	}
	l := open(t, t.TempDir()+"/log")
	appendAll := func(leaves ...consentlog.Leaf) {
		t.Helper()
		_, err := l.Append(leaves)
		must(t, err)
	}
	readable := func(want ...string) {
		t.Helper()
		for _, l := range []*consentlog.Log{l, open(t, l.Dir())} {
			var got []string
			of, err := l.Of(person(0))
			must(t, err)
			for _, o := range of {
				got = append(got, string(o.Record))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q can be read, want %q", got, want)
			}
		}
	}
	erasure := at(2, 2000, `"erased"`)
	erasure.Erases = true
	appendAll(at(1, 1000, `"before"`))
	readable(`"before"`)
	must(t, l.DestroyKey(person(0), 2000))
	appendAll(erasure, at(3, 3000, `"after"`))
	readable(`"after"`)
	must(t, l.DestroyKey(person(0), 2000)) // its job came again
	readable(`"after"`)
	appendAll(at(4, 1500, `"late"`)) // of before, tried again by hand
	readable(`"after"`)
	must(t, l.DestroyKey(person(0), 4000))
	readable()
}

// A process that did not append for a while, or was stopped in between, goes on where the log ends by now.
func TestALogIsReadAgainBeforeItIsContinued(t *testing.T) {
	first := open(t, t.TempDir()+"/log")
	fill(t, first, 0, 20)
	head, err := first.Head()
	must(t, err)
	second := open(t, first.Dir())
	_, err = first.Append([]consentlog.Leaf{leaf(20), leaf(21)}) // and no store took their head
	must(t, err)
	must(t, second.Rewind(head))
	longer := []consentlog.Leaf{leaf(30), leaf(31)}
	longer[1].Rest = bytes.Repeat([]byte("longer "), 100)
	is, err := second.Append(longer)
	must(t, err)
	must(t, second.DestroyKey(person(5), 1500))
	must(t, second.Publish())
	must(t, first.Rewind(is))
	if first.Has("job-21") || !first.Has("job-31") {
		t.Error("it remembers jobs that have no leaf")
	}
	after := leaf(35)
	after.At = 1600
	_, err = first.Append([]consentlog.Leaf{after})
	must(t, err)
	must(t, first.Publish())
	must(t, verify(first, nil))
	got := map[int64]string{}
	must(t, first.Each(func(o consentlog.Opened) error { got[o.Index] = string(o.Record); return nil }))
	if got[20] != `{"record":30}` || got[21] != `{"record":31}` || got[22] != `{"record":35}` || got[5] != "" {
		t.Errorf("%v", got)
	}
}

// Files that were damaged are an error that names what is wrong.
func TestADamagedFileIsAnError(t *testing.T) {
	for _, row := range []struct {
		file   string
		at     int64
		damage []byte
	}{
		{"/index", 8, bytes.Repeat([]byte{0xff}, 8)},                            // a length
		{"/index", 8, []byte{0x7f, 0xff, 0xff, 0xff}},                           // a length
		{"/index", 0, bytes.Repeat([]byte{0xff}, 8)},                            // an offset
		{"/index", 9*32 + 8, []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},  // the last length
		{"/index", 9 * 32, []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, // the last offset
		{"/index", 16, []byte{0xff, 0xff, 0xff, 0xfe}},                          // whose it is
		{"/sealed", 20, []byte{1, 2, 3, 4}},
	} {
		l := open(t, t.TempDir()+"/log")
		fill(t, l, 0, 10)
		f, err := os.OpenFile(l.Dir()+row.file, os.O_RDWR, 0)
		must(t, err)
		_, err = f.WriteAt(row.damage, row.at)
		must(t, errors.Join(err, f.Close()))
		o := consentlog.Options{Dir: l.Dir(), Origin: "confirm.example/log", Sealer: sealer(t)}
		again, err := consentlog.Open(o)
		if err == nil {
			err = again.Each(func(consentlog.Opened) error { return nil })
		}
		if !errors.Is(err, consentlog.ErrDamaged) {
			t.Errorf("%s at %d: %v", row.file, row.at, err)
		}
	}
}
