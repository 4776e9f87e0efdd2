package challenge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Unix(1_800_000_000, 0)

// work has one key, a clock that stands, and at most 50 numbers to try.
func work(t testing.TB, change ...func(*WorkOptions)) *Work {
	t.Helper()
	o := WorkOptions{Max: 50, Now: func() time.Time { return noon }}
	for _, c := range change {
		c(&o)
	}
	w, err := NewWork(listed("a key"), o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func listed(keys ...string) func() [][]byte {
	var all [][]byte
	for _, k := range keys {
		all = append(all, []byte(k))
	}
	return func() [][]byte { return all }
}

// choosing is randomness that makes a number.
func choosing(number int) io.Reader {
	return bytes.NewReader(append(binary.BigEndian.AppendUint64(nil, uint64(number)), bytes.Repeat([]byte{0xab}, saltRandom)...))
}

// solved is a payload as a browser sends it.
func solved(c Challenge) map[string]any {
	for n := range c.MaxNumber + 1 {
		sum := sha256.Sum256([]byte(c.Salt + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) == c.Challenge {
			return map[string]any{"algorithm": c.Algorithm, "challenge": c.Challenge, "number": n, "salt": c.Salt, "signature": c.Signature, "took": 12}
		}
	}
	panic("no solution")
}

func encoded(p any) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestAChallengeIsALTCHAs(t *testing.T) {
	w := work(t, func(o *WorkOptions) { o.Rand = choosing(37) })
	got, err := json.Marshal(w.Make("la gazette&co"))
	if err != nil {
		t.Fatal(err)
	}
	salt := strings.Repeat("ab", 16) + "?expires=1800000600&site=la+gazette%26co&"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(salt+"37")))
	h := hmac.New(sha256.New, []byte("a key"))
	h.Write([]byte(sum))
	escaped := strings.ReplaceAll(salt, "&", `\u0026`)
	want := fmt.Sprintf(`{"algorithm":"SHA-256","challenge":"%s","maxnumber":50,"salt":"%s","signature":"%x"}`, sum, escaped, h.Sum(nil))
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestEveryNumberIsMadeAndASolutionOfItIsTaken(t *testing.T) {
	ids := map[string]bool{}
	for n := range 51 {
		w := work(t, func(o *WorkOptions) { o.Rand = choosing(n) })
		p := solved(w.Make("gazette"))
		id, until, err := w.Check("gazette", encoded(p))
		if err != nil || p["number"] != n || len(id) != 64 || !until.Equal(noon.Add(11*time.Minute)) {
			t.Errorf("%d: %v, id %q until %s: %v", n, p, id, until, err)
		}
		ids[id] = true
	}
	if len(ids) != 51 {
		t.Errorf("%d ids of 51 challenges", len(ids))
	}
}

func TestAChallengeEnds(t *testing.T) {
	now := noon
	w := work(t, func(o *WorkOptions) { o.Now, o.TTL = func() time.Time { return now }, time.Minute })
	p := solved(w.Make("gazette"))
	for after, want := range map[time.Duration]error{0: nil, time.Minute - 1: nil, time.Minute: ErrExpired, time.Hour: ErrExpired} {
		now = noon.Add(after)
		if _, _, err := w.Check("gazette", encoded(p)); !errors.Is(err, want) {
			t.Errorf("after %s: %v", after, err)
		}
		if _, _, err := w.Check("post", encoded(p)); !errors.Is(err, ErrInvalid) {
			t.Errorf("after %s, at another site: %v", after, err)
		}
	}
}

func TestTheNewestKeyMakesAndEachListedIsTaken(t *testing.T) {
	before := work(t)
	rotated, err := NewWork(listed("newer", "a key"), WorkOptions{Max: 50, Now: before.now})
	if err != nil {
		t.Fatal(err)
	}
	old, fresh := encoded(solved(before.Make("gazette"))), encoded(solved(rotated.Make("gazette")))
	for _, row := range []struct {
		by   *Work
		text string
		want error
	}{{before, old, nil}, {rotated, old, nil}, {rotated, fresh, nil}, {before, fresh, ErrInvalid}} {
		if _, _, err := row.by.Check("gazette", row.text); !errors.Is(err, row.want) {
			t.Errorf("%v, want %v", err, row.want)
		}
	}
}

func TestANumberAboveTheGreatestIsRefused(t *testing.T) {
	p := encoded(solved(work(t, func(o *WorkOptions) { o.Rand = choosing(40) }).Make("gazette")))
	for greatest, want := range map[int]error{39: ErrInvalid, 40: nil} {
		if _, _, err := work(t, func(o *WorkOptions) { o.Max = greatest }).Check("gazette", p); !errors.Is(err, want) {
			t.Errorf("%d: %v", greatest, err)
		}
	}
}

func TestWorkNeedsKeysAndSensibleOptions(t *testing.T) {
	for _, row := range []struct {
		keys func() [][]byte
		o    WorkOptions
	}{{nil, WorkOptions{}}, {listed(), WorkOptions{}}, {listed("k"), WorkOptions{Max: -1}}, {listed("k"), WorkOptions{Max: maxMax + 1}},
		{listed("k"), WorkOptions{TTL: time.Millisecond}}, {listed("k"), WorkOptions{TTL: -time.Hour}}} {
		if _, err := NewWork(row.keys, row.o); err == nil {
			t.Errorf("%+v", row.o)
		}
	}
	w, err := NewWork(listed("k"), WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, d := w.Make("gazette"), w.Make("gazette")
	if c.MaxNumber != 100_000 || c.Salt == d.Salt || c.Challenge == d.Challenge {
		t.Errorf("%+v %+v", c, d)
	}
}
