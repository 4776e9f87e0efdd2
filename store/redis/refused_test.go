package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/conntest"
	"github.com/optin/optin/store"
)

// fakeServer is between a store and its server. It reads whole commands, answers those that it refuses itself with an
// error of Redis, and has the server answer the others.
type fakeServer struct {
	addr string
	to   string

	mu     sync.Mutex
	refuse func(words []string) (with string) // empty: the server answers
}

func startFake(t *testing.T, to string) *fakeServer {
	t.Helper()
	f := &fakeServer{to: to, refuse: func([]string) string { return "" }}
	f.addr = conntest.Listen(t, f.serve)
	return f
}

// refusing sets what is refused from now on.
func (f *fakeServer) refusing(refuse func(words []string) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

func (f *fakeServer) serve(client net.Conn) {
	server, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer server.Close()
	commands, replies := bufio.NewReader(client), bufio.NewReader(server)
	for {
		var raw strings.Builder
		words, err := readRESP(commands, &raw)
		if err != nil {
			return
		}
		f.mu.Lock()
		with := f.refuse(words)
		f.mu.Unlock()
		if with != "" {
			if _, err := fmt.Fprintf(client, "-%s\r\n", with); err != nil {
				return
			}
			continue
		}
		if _, err := io.WriteString(server, raw.String()); err != nil {
			return
		}
		var reply strings.Builder
		if _, err := readRESP(replies, &reply); err != nil {
			return
		}
		if _, err := io.WriteString(client, reply.String()); err != nil {
			return
		}
	}
}

// readRESP reads one value of the protocol, copies its bytes, and returns the texts in it.
func readRESP(r *bufio.Reader, raw *strings.Builder) (texts []string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	raw.WriteString(line)
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$', '=', '!': // a text of n bytes
		if n < 0 {
			return nil, nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		raw.Write(b)
		return []string{string(b[:n])}, nil
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return nil, nil
	}
	for range n {
		inner, err := readRESP(r, raw)
		if err != nil {
			return nil, err
		}
		texts = append(texts, inner...)
	}
	return texts, nil
}

// known fills a store with what answers looks for.
func known(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	counted := store.Change{
		Put: &store.Record{State: "pending", Data: []byte("kept")}, Enqueue: []store.Job{email("a"), email("b")},
		Count: []store.Count{{At: day("2026-11-30"), Name: "signups", N: 7}},
	}
	for _, err := range []error{
		s.Update(ctx, key(1), func(store.Record) (store.Change, error) { return counted, nil }),
		s.End(ctx, leaseFirst(t, s), store.Fail()),
		s.PutText(ctx, emptySum, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SetNX(ctx, "cell", []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if waits, err := s.Acquire(ctx, "", hourly("full")); err != nil || waits != nil {
		t.Fatal(waits, err)
	}
}

const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func leaseFirst(t *testing.T, s *Store) store.Job {
	t.Helper()
	jobs, err := s.Lease(t.Context(), "email", 1, time.Minute)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("leased %+v, %v", jobs, err)
	}
	return jobs[0]
}

// answer is one question to a store that known has filled: what it says, and what is right.
type answer struct {
	name, right string
	ask         func(ctx context.Context, s *Store) (string, error)
}

// answers has one question for each read and write of each port. The writes change nothing that is asked for.
func answers() []answer {
	all := []answer{
		{"Find", "kept", func(ctx context.Context, s *Store) (string, error) {
			r, err := s.Find(ctx, key(1))
			return string(r.Data), err
		}},
		{"Find of none", "store: not found", func(ctx context.Context, s *Store) (string, error) {
			_, err := s.Find(ctx, key(2))
			if errors.Is(err, store.ErrNotFound) {
				return err.Error(), nil
			}
			return "", err
		}},
		{"List", "1", func(ctx context.Context, s *Store) (string, error) {
			p, err := s.List(ctx, store.Query{Site: "gazette"})
			return strconv.Itoa(len(p.Records)), err
		}},
		{"List of a state", "1", func(ctx context.Context, s *Store) (string, error) {
			p, err := s.List(ctx, store.Query{Site: "gazette", State: "pending"})
			return strconv.Itoa(len(p.Records)), err
		}},
		{"Counts", "7", func(ctx context.Context, s *Store) (string, error) {
			counts, err := s.Counts(ctx, "gazette", store.ByDay, day("2026-11-01"), day("2026-11-30"))
			n := int64(0)
			for _, c := range counts {
				n += c.N
			}
			return strconv.FormatInt(n, 10), err
		}},
		{"Due", "[email]", func(ctx context.Context, s *Store) (string, error) {
			due, err := s.Due(ctx)
			return fmt.Sprint(due), err
		}},
		{"Failed", "1", func(ctx context.Context, s *Store) (string, error) {
			failed, err := s.Failed(ctx, "email", "", 9)
			return strconv.Itoa(len(failed)), err
		}},
		{"Get", "value", func(ctx context.Context, s *Store) (string, error) {
			value, err := s.Get(ctx, "cell")
			return string(value), err
		}},
		{"SetNX", "value", func(ctx context.Context, s *Store) (string, error) {
			value, err := s.SetNX(ctx, "cell", []byte("other"), time.Hour)
			return string(value), err
		}},
		{"Text", "there", func(ctx context.Context, s *Store) (string, error) {
			_, err := s.Text(ctx, emptySum)
			return "there", err
		}},
		{"Acquire", "full", func(ctx context.Context, s *Store) (string, error) {
			waits, err := s.Acquire(ctx, "", hourly("full"))
			if len(waits) == 1 && waits[0] > 0 {
				return "full", err
			}
			return fmt.Sprint(waits), err
		}},
		{"CompareAndSwap", "changed", func(ctx context.Context, s *Store) (string, error) {
			err := s.CompareAndSwap(ctx, "cell", []byte("what it is not"), []byte("x"), time.Hour)
			if errors.Is(err, store.ErrChanged) {
				return "changed", nil
			}
			return "", err
		}},
		{"Requeue of none", "none", func(ctx context.Context, s *Store) (string, error) {
			err := s.Requeue(ctx, "email", "nobody", key(1))
			if errors.Is(err, store.ErrNotFound) {
				return "none", nil
			}
			return "", err
		}},
		{"End of none", "lost", lost(func(ctx context.Context, s *Store, j store.Job) error {
			return s.End(ctx, j, store.Complete())
		})},
		{"RenewLease of none", "lost", lost(func(ctx context.Context, s *Store, j store.Job) error {
			return s.RenewLease(ctx, j, time.Minute)
		})},
		{"RunNow", "0", func(ctx context.Context, s *Store) (string, error) {
			n, err := s.RunNow(ctx, "webhook", 9)
			return strconv.Itoa(n), err
		}},
		{"Update", "saw kept", func(ctx context.Context, s *Store) (string, error) {
			saw := ""
			err := s.Update(ctx, key(1), func(r store.Record) (store.Change, error) {
				saw = "saw " + string(r.Data)
				return store.Change{Put: &r}, nil
			})
			return saw, err
		}},
		{"PutText", "", func(ctx context.Context, s *Store) (string, error) {
			return "", s.PutText(ctx, emptySum, nil)
		}},
	}
	return all
}

func lost(end func(context.Context, *Store, store.Job) error) func(context.Context, *Store) (string, error) {
	return func(ctx context.Context, s *Store) (string, error) {
		err := end(ctx, s, store.Job{ID: "nobody", Queue: "email", Key: key(1), Attempts: 1})
		if errors.Is(err, store.ErrLeaseLost) {
			return "lost", nil
		}
		return "", err
	}
}

// askAll asks everything at once, several times, so that commands of many callers share pipelines. Each answer must be
// right or ErrUnavailable. It returns how many were right.
func askAll(t *testing.T, s *Store, times int) int {
	t.Helper()
	var all sync.WaitGroup
	var right atomic.Int32
	for _, a := range slices.Repeat(answers(), times) {
		all.Go(func() {
			switch got, err := a.ask(t.Context(), s); {
			case err == nil && got == a.right:
				right.Add(1)
			case err == nil:
				t.Errorf("%s answered %q, want %q or ErrUnavailable", a.name, got, a.right)
			case !errors.Is(err, store.ErrUnavailable):
				t.Errorf("%s gave %v, want ErrUnavailable", a.name, err)
			}
		})
	}
	all.Wait()
	return int(right.Load())
}

func first(word string) func([]string) bool {
	return func(words []string) bool { return strings.EqualFold(words[0], word) }
}

func TestWhatAServerRefusesIsNeverAnAnswer(t *testing.T) {
	server := startServer(t)
	if err := server.client().Do(t.Context(), "acl", "setuser", "optin", "on", ">hunter2", "~*", "&*", "+@all").
		Err(); err != nil {
		t.Fatal(err)
	}
	fake := startFake(t, server.addr())
	url := "redis://optin:hunter2@%s/3"
	known(t, patient(t, Options{Location: at(fmt.Sprintf(url, server.addr()))}))
	seventh := 0
	for name, row := range map[string]struct {
		refuse func(words []string) bool
		with   string
		works  bool // answers may be right all the same
	}{
		"HELLO": {first("hello"), "ERR unknown command 'HELLO'", true}, // as before Redis 6
		"HELLO and AUTH": {either(first("hello"), first("auth")),
			"WRONGPASS invalid username-password pair", false},
		"AUTH after HELLO": {either(first("hello"), first("auth")), "ERR invalid password", false},
		"SELECT":           {first("select"), "ERR DB index is out of range", false},
		"SELECT, forbidden": {first("select"),
			"NOPERM this user has no permissions to run the 'select' command", false},
		"CLIENT":  {first("client"), "ERR unknown subcommand 'SETINFO'", true}, // is not sent at all
		"EVALSHA": {first("evalsha"), "ERR unknown command 'EVALSHA'", true},
		"EVAL":    {either(first("evalsha"), first("eval")), "NOPERM no scripts", true},
		"HGET": {first("hget"),
			"WRONGTYPE Operation against a key holding the wrong kind of value", true},
		"everything":         {func([]string) bool { return true }, "ERR max number of clients reached", false},
		"everything, NOAUTH": {func([]string) bool { return true }, "NOAUTH Authentication required.", false},
		"every seventh command": {func([]string) bool { seventh++; return seventh%7 == 0 },
			"ERR something that nobody has heard of", true},
		"every third is loading": {func([]string) bool { seventh++; return seventh%3 == 0 }, "LOADING of a file", true},
	} {
		t.Run(name, func(t *testing.T) {
			fake.refusing(func(words []string) string {
				if row.refuse(words) {
					return row.with
				}
				return ""
			})
			s := open(t, Options{Location: at(fmt.Sprintf(url, fake.addr))})
			right := askAll(t, s, 3)
			if !row.works && right > 0 {
				t.Errorf("%d answers, of a connection that was never set up", right)
			}
			if err := s.Ready(t.Context()); !row.works && err == nil {
				t.Error("and Ready says that all is well")
			}
			fake.refusing(func([]string) string { return "" })
			if right := askAll(t, s, 1); right < len(answers()) {
				t.Errorf("afterwards only %d of %d answers", right, len(answers()))
			}
		})
	}
}

func either(a, b func([]string) bool) func([]string) bool {
	return func(words []string) bool { return a(words) || b(words) }
}

// What an operator does: the password changes, the user is deleted, and the connections that were there are closed.
func TestAChangedPasswordIsNoEmptyStore(t *testing.T) {
	cluster, servers := startCluster(t)
	single := startServer(t)
	for url, of := range map[string][]*server{single.url(): {single}, cluster: servers} {
		scheme, hosts, _ := strings.Cut(url, "://")
		for name, spoil := range map[string][]any{
			"the user is deleted":  {"acl", "deluser", "optin"},
			"the password changes": {"acl", "setuser", "optin", "resetpass", ">changed"},
			"no SELECT, no EVAL":   {"acl", "setuser", "optin", "-select", "-evalsha", "-eval"},
		} {
			t.Run(scheme+", "+name, func(t *testing.T) {
				each(t, of, "flushall")
				each(t, of, "acl", "setuser", "optin", "on", "resetpass", ">hunter2", "~*", "&*", "+@all")
				s := open(t, Options{Location: at(scheme + "://optin:hunter2@" + hosts)})
				known(t, s)
				if right := askAll(t, s, 1); right != len(answers()) {
					t.Fatalf("before: %d answers of %d", right, len(answers()))
				}
				each(t, of, spoil...)
				each(t, of, "client", "kill", "user", "optin")
				askAll(t, s, 3)
				askAll(t, open(t, Options{Location: at(scheme + "://optin:hunter2@" + hosts)}), 3)
			})
		}
	}
}

// each sends a command to each of the servers; that there is nothing to do is fine.
func each(t testing.TB, of []*server, words ...any) {
	t.Helper()
	for _, one := range of {
		err := one.client().Do(t.Context(), words...).Err()
		if err != nil && !strings.HasPrefix(err.Error(), "ERR No such") {
			t.Fatalf("%v: %v", words, err)
		}
	}
}
