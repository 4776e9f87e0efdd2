package redis

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestReadyNamesTheUnsafeSetting(t *testing.T) {
	server := startServer(t)
	stores := map[store.Durability]*Store{}
	for _, d := range []store.Durability{store.DurabilityAlways, store.DurabilityEverySec, store.DurabilityNone} {
		stores[d] = open(t, Options{Location: at(server.url() + "?durability=" + string(d))})
	}
	all := []store.Durability{store.DurabilityAlways, store.DurabilityEverySec, store.DurabilityNone}
	rows := []struct {
		setting, value, good string
		unsafe               []store.Durability // for these, and for no other
	}{
		{"maxmemory-policy", "allkeys-lru", "noeviction", all},
		{"maxmemory-policy", "volatile-ttl", "noeviction", all},
		{"appendonly", "no", "yes", []store.Durability{store.DurabilityAlways, store.DurabilityEverySec}},
		{"appendfsync", "everysec", "always", []store.Durability{store.DurabilityAlways}},
		{"appendfsync", "no", "always", []store.Durability{store.DurabilityAlways, store.DurabilityEverySec}},
		{"no-appendfsync-on-rewrite", "yes", "no", []store.Durability{store.DurabilityAlways}},
	}
	for _, row := range rows {
		t.Run(row.setting+" "+row.value, func(t *testing.T) {
			for d, s := range stores {
				// A file that was just turned on again is in use a moment later.
				poll(t, string(d)+", all in order", func() bool { return s.Ready(t.Context()) == nil })
			}
			server.set(row.setting, row.value)
			defer server.set(row.setting, row.good)
			for d, s := range stores {
				expectUnsafe(t, s.Ready(t.Context()), d, row.setting, row.value, row.unsafe)
			}
		})
	}
}

func expectUnsafe(t *testing.T, err error, d store.Durability, setting, value string, unsafe []store.Durability) {
	t.Helper()
	var u *store.UnsafeError
	for _, one := range unsafe {
		if one != d {
			continue
		}
		// Only one that evicts may lack something.
		if !errors.As(err, &u) || u.Setting != setting || u.Have != value ||
			u.Incomplete != (setting == "maxmemory-policy") {
			t.Errorf("%s gave %v, want %s", d, err, setting)
		} else if fix := setting + " " + u.Want; strings.Count(u.Fix, fix) != 2 ||
			!strings.Contains(u.Fix, "CONFIG SET "+fix) {
			t.Errorf("%s: the fix is %q", d, u.Fix)
		}
		return
	}
	if err != nil {
		t.Errorf("%s gave %v, want nil", d, err)
	}
}

// What is wrong is said in the server's own words, with what to do: none of it is "cannot be reached".
func TestAServerThatRefusesSaysWhy(t *testing.T) {
	setting := func(name, value string) func(*server) { return func(s *server) { s.set(name, value) } }
	noScripting := func(s *server) { each(s.t, only(s), "acl", "setuser", "default", "-@scripting") }
	for name, row := range map[string]struct {
		args    []string
		spoil   func(*server)
		setting string
		says    string
	}{
		"full": {nil, setting("maxmemory", "1"), "maxmemory", "OOM command not allowed"},
		"cannot write": {
			[]string{"--enable-protected-configs", "yes"}, misconfigured, "the server's file", "MISCONF",
		},
		"too few replicas": {nil, setting("min-replicas-to-write", "1"), "the number of replicas", "NOREPLICAS"},
		"no scripts": {[]string{"--rename-command", "EVAL", "", "--rename-command", "EVALSHA", ""}, nil, "scripting",
			"unknown command"},
		"a user without scripts": {nil, noScripting, "the user's permissions", "NOPERM"},
		"a new password":         {nil, setting("requirepass", "hunter2"), "the login", "NOAUTH"},
		"as many as maxclients":  {nil, setting("maxclients", "1"), "maxclients", "max number of clients reached"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t, row.args...)
			if row.spoil != nil {
				s := open(t, Options{Location: at(server.url())})
				if err := s.Ready(t.Context()); err != nil {
					t.Fatalf("before: %v", err)
				}
				row.spoil(server)
			}
			err := open(t, Options{Location: at(server.url())}).Ready(t.Context())
			var u *store.UnsafeError
			if !errors.As(err, &u) || u.Setting != row.setting || !strings.Contains(u.Words, row.says) || u.Fix == "" {
				t.Errorf("%#v, want %s: %s", err, row.setting, row.says)
			}
		})
	}
}

// A person reads them: each is a sentence, with the server's own words in it.
func TestRefusalsAreSentences(t *testing.T) {
	for words, want := range map[string]string{
		"OOM command not allowed when used memory > 'maxmemory'.": "maxmemory must be more than what is stored takes " +
			"(the store says: OOM command not allowed when used memory > 'maxmemory')",
		"MISCONF Errors writing to the AOF file": "the server's file must be writable " +
			"(the store says: MISCONF Errors writing to the AOF file)",
		"NOREPLICAS Not enough good replicas to write.": "the number of replicas must be at least " +
			"min-replicas-to-write (the store says: NOREPLICAS Not enough good replicas to write)",
		"READONLY You can't write against a read only replica.": "role must be master " +
			"(the store says: READONLY You can't write against a read only replica)",
		"LOADING Redis is loading the dataset in memory": "the server's data must be loaded " +
			"(the store says: LOADING Redis is loading the dataset in memory)",
		"BUSY Redis is busy running a script.": "the server must be done with its script " +
			"(the store says: BUSY Redis is busy running a script)",
		"CLUSTERDOWN Hash slot not served": "the cluster must be whole " +
			"(the store says: CLUSTERDOWN Hash slot not served)",
		"MASTERDOWN Link with MASTER is down": "the master must be reachable " +
			"(the store says: MASTERDOWN Link with MASTER is down)",
		"NOAUTH Authentication required.": "the login must be with a password " +
			"(the store says: NOAUTH Authentication required)",
		"WRONGPASS invalid username-password pair": "the login must be right " +
			"(the store says: WRONGPASS invalid username-password pair)",
		"NOPERM no permissions": "the user's permissions must be enough for the commands of optin " +
			"(the store says: NOPERM no permissions)",
		"ERR unknown command 'EVAL'": "scripting must be possible (the store says: ERR unknown command 'EVAL')",
		"ERR max number of clients reached": "maxclients must be more than there are clients " +
			"(the store says: ERR max number of clients reached)",
		"ERR something new": "the server must be able to do what it is asked (the store says: ERR something new)",
	} {
		u := refusal(replyError(words))
		if u.Fault() != want || u.Error() != "store: "+want+": "+u.Fix || u.Fix == "" {
			t.Errorf("%s reads\n%v, want\n%s", words, u, want)
		}
	}
}

// misconfigured makes the server refuse writes because it could not save its file.
func misconfigured(s *server) {
	c := s.client()
	s.set("dir", "/proc/self") // where nobody can write a file
	s.set("save", "3600 1")
	if err := c.Set(s.t.Context(), "x", "y", 0).Err(); err != nil {
		s.t.Fatal(err)
	}
	_ = c.BgSave(s.t.Context()).Err()
	poll(s.t, "the server says MISCONF", func() bool {
		return strings.HasPrefix(fmt.Sprint(c.Set(s.t.Context(), "x", "y", 0).Err()), "MISCONF")
	})
}

// A server that is full keeps what takes a consent back, and nothing else.
func TestAFullServerTakesWhatTakesConsentBack(t *testing.T) {
	server := startServer(t)
	s := open(t, Options{Location: at(server.url())})
	put(t, s, key(1), &store.Record{State: "confirmed", Data: []byte("consent")})
	server.set("maxmemory", "1mb")
	withdrawn := store.Change{Put: &store.Record{State: "withdrawn", Data: []byte("withdrawn and more")},
		Enqueue: []store.Job{email("event")}, Count: []store.Count{{At: day("2026-11-30"), Name: "withdrawals", N: 1}}}
	withdraw := func(store.Record) (store.Change, error) { return withdrawn, nil }
	if err := s.Update(t.Context(), key(1), withdraw); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("as any other change: %v", err)
	}
	withdrawn.EvenIfFull = true
	if err := s.Update(t.Context(), key(1), withdraw); err != nil {
		t.Errorf("marked: %v", err)
	}
	if r, err := s.Find(t.Context(), key(1)); err != nil || r.State != "withdrawn" {
		t.Errorf("%+v, %v", r, err)
	}
	declined := func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{State: "declined"}, EvenIfFull: true}, nil
	}
	if err := s.Update(t.Context(), key(2), declined); err != nil {
		t.Errorf("of a record that is not there: %v", err)
	}
	err := s.Update(t.Context(), key(3), putting(&store.Record{State: "pending"}))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a signup: %v", err)
	}
}

func TestAReplicaIsUnsafe(t *testing.T) {
	master, replica := startServer(t), startServer(t)
	s := open(t, Options{Location: at(replica.url())})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := replica.client().ReplicaOf(t.Context(), "127.0.0.1", master.port).Err(); err != nil {
		t.Fatal(err)
	}
	var u *store.UnsafeError
	poll(t, "Ready names the role", func() bool {
		return errors.As(s.Ready(t.Context()), &u) && u.Setting == "role" && u.Have == "replica"
	})
}

func TestEveryMasterOfAClusterIsAsked(t *testing.T) {
	url, servers := startCluster(t)
	s := open(t, Options{Location: at(url)})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, one := range servers {
		one.set("appendfsync", "everysec")
		var u *store.UnsafeError
		if err := s.Ready(t.Context()); !errors.As(err, &u) || u.Setting != "appendfsync" ||
			!strings.Contains(u.Have, one.addr()) {
			t.Errorf("Ready gave %v, want appendfsync on %s", err, one.addr())
		}
		one.set("appendfsync", "always")
	}
}

func TestWhereCONFIGIsRefusedTheOperatorMustPromise(t *testing.T) {
	server := startServer(t)
	each(t, only(server), "acl", "setuser", "default", "-config")
	for durability, unsafe := range map[string]bool{"always": true, "everysec": true, "managed": false, "none": false} {
		s := open(t, Options{Location: at(server.url() + "?durability=" + durability)})
		var u *store.UnsafeError
		err := s.Ready(t.Context())
		says := errors.As(err, &u) && u.Setting == "CONFIG GET" && strings.Contains(u.Fix, "?durability=managed")
		if unsafe && !says || !unsafe && err != nil {
			t.Errorf("%s: %v", durability, err)
		}
	}
}

// Whether a server is a replica, or its file in use, only INFO tells.
func TestWhereINFOIsRefusedTheOperatorMustPromise(t *testing.T) {
	server := startServer(t)
	each(t, only(server), "acl", "setuser", "default", "-info")
	for durability, unsafe := range map[string]bool{"always": true, "everysec": true, "managed": false, "none": false} {
		err := open(t, Options{Location: at(server.url() + "?durability=" + durability)}).Ready(t.Context())
		if unsafe {
			expectSetting(t, err, "INFO")
		} else if err != nil {
			t.Errorf("%s: %v", durability, err)
		}
	}
}

// INFO tells some of it, so a promise does not hide it.
func TestWhatINFOTellsIsReadWhereCONFIGIsRefused(t *testing.T) {
	for setting, args := range map[string][]string{
		"maxmemory-policy": {"--maxmemory-policy", "allkeys-lru"}, "appendonly": {"--appendonly", "no"},
	} {
		server := startServer(t, append(args, "--rename-command", "CONFIG", "")...)
		for _, durability := range []string{"always", "managed"} {
			var u *store.UnsafeError
			err := open(t, Options{Location: at(server.url() + "?durability=" + durability)}).Ready(t.Context())
			// Whether a managed server has a file is its operator's business.
			if setting == "appendonly" && durability == "managed" {
				if err != nil {
					t.Errorf("%s, %s: %v", setting, durability, err)
				}
			} else if !errors.As(err, &u) || u.Setting != setting {
				t.Errorf("%s, %s: %v", setting, durability, err)
			}
		}
	}
}

// The permissions that refusal advises are enough for every call.
func TestTheAdvisedPermissionsAreEnough(t *testing.T) {
	server := startServer(t)
	advice := refusal(replyError("NOPERM"))
	words := strings.Fields(strings.TrimPrefix(advice.Fix, "run ACL SETUSER with "))
	set := []any{"acl", "setuser", "optin", "on", ">hunter2"}
	for _, w := range words {
		set = append(set, w)
	}
	each(t, only(server), set...)
	s := open(t, Options{Location: at("redis://optin:hunter2@" + server.addr())})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	known(t, s)
	if right := askAll(t, s, 1); right != len(answers()) {
		t.Errorf("%d of %d", right, len(answers()))
	}
}

// replyError is an error as the client has those of a server.
type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

func only(s *server) []*server { return []*server{s} }

// A server that is told to write a file does so only from the end of a first rewrite on: what it acknowledges before is
// gone with it.
func TestAFileIsInUseOnlyAfterItsFirstRewrite(t *testing.T) {
	t.Run("it was off for a while", func(t *testing.T) {
		server := startServer(t)
		s := open(t, Options{Location: at(server.url())})
		put(t, s, key(1), &store.Record{State: "confirmed"})
		server.set("appendonly", "no")
		expectSetting(t, s.Ready(t.Context()), "appendonly")
		startsItsFile(t, server, s)
	})
	t.Run("it was off for less than a second", func(t *testing.T) {
		server := startServer(t)
		s := open(t, Options{Location: at(server.url())})
		put(t, s, key(1), &store.Record{State: "confirmed"})
		if err := errors.Join(s.Ready(t.Context()), server.client().BgRewriteAOF(t.Context()).Err()); err != nil {
			t.Fatal(err)
		}
		poll(t, "it is in order", func() bool { return s.Ready(t.Context()) == nil })
		server.set("appendonly", "no")
		startsItsFile(t, server, s)
	})
	t.Run("it never had one", func(t *testing.T) {
		server := startServer(t, "--appendonly", "no")
		put(t, open(t, Options{Location: at(server.url())}), key(1), &store.Record{State: "confirmed"})
		startsItsFile(t, server, open(t, Options{Location: at(server.url())})) // has not asked before
	})
}

func startsItsFile(t *testing.T, server *server, s *Store) {
	t.Helper()
	server.set("rdb-key-save-delay", "10000000") // in µs: the rewrite takes 10 s a key
	server.set("appendonly", "yes")
	expectSetting(t, s.Ready(t.Context()), "the append-only file")
	pid, err := childOf(server)
	if err != nil {
		t.Fatal(err)
	}
	server.set("rdb-key-save-delay", "0")
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil { // this rewrite fails, and the next is quick
		t.Fatal(err)
	}
	poll(t, "the file is in use", func() bool { return s.Ready(t.Context()) == nil })
	put(t, s, key(2), &store.Record{State: "confirmed"})
	server.kill()
	server.args = nil
	server.start()
	if _, err := patient(t, Options{Location: at(server.url())}).Find(t.Context(), key(2)); err != nil {
		t.Errorf("acknowledged when Ready said yes: %v", err)
	}
	server.set("rdb-key-save-delay", "1000000")
	_ = s.Ready(t.Context()) // a setting that was changed since might have been that of the file
	if err := server.client().BgRewriteAOF(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("during any other rewrite: %v", err)
	}
}

// childOf returns the process that rewrites the file of a server.
func childOf(s *server) (int, error) {
	pid := s.command.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func expectSetting(t *testing.T, err error, setting string) {
	t.Helper()
	if u := new(store.UnsafeError); !errors.As(err, &u) || u.Setting != setting || u.Fix == "" {
		t.Errorf("%v, want %s", err, setting)
	}
}

// A server that is started from an older snapshot, or on an older copy of its file, has lost what was acknowledged
// since. None of its settings says so, and once its file is turned on it would write it over what it had.
func TestAServerWithOlderDataIsUnsafe(t *testing.T) {
	server := startServer(t)
	s := patient(t, Options{Location: at(server.url())})
	if !s.Newest().IsZero() {
		t.Errorf("before it was asked it is as new as %v", s.Newest())
	}
	if err := errors.Join(s.SetMark(t.Context(), nil, []byte("mark")), s.Ready(t.Context())); err != nil {
		t.Fatal(err)
	}
	asked, seen := shardNumber(0).asked(), s.Newest()
	before := server.client().HGet(t.Context(), asked, "asked").Val()
	if err := s.Ready(t.Context()); err != nil { // acknowledged: there is something newer
		t.Fatal(err)
	}
	newest := server.client().HGet(t.Context(), asked, "asked").Val()
	if before == "" || newest <= before || !s.Newest().After(seen) {
		t.Fatalf("it was asked at %q, then at %q", before, newest)
	}
	older := func(s *Store) {
		t.Helper()
		if u := new(store.UnsafeError); !errors.As(s.Ready(t.Context()), &u) || !u.Older ||
			u.Setting != "the data of the server" {
			t.Errorf("with older data: %v", u)
		}
	}
	later := func(query string) *Store { // that begins when another one has ended
		return patient(t, Options{Location: at(server.url() + query), Known: s.Newest()})
	}
	server.client().HSet(t.Context(), asked, "asked", before)
	for range 2 { // it does not become newer by itself
		older(s)
		older(later(""))
		older(patient(t, Options{Location: at(server.url()), Known: s.Newest(), ReadOnly: true}))
	}
	if err := open(t, Options{Location: at(server.url()), ReadOnly: true}).Ready(t.Context()); err != nil {
		t.Errorf("one that has not seen the newer data: %v", err)
	}
	server.client().HSet(t.Context(), asked, "asked", newest)
	for _, s := range []*Store{s, later("")} {
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("with the newest put back: %v", err)
		}
	}
	swap := func() { each(t, only(server), "swapdb", "0", "1") } // it is emptied, and put back
	for range 2 {
		swap()
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("emptied, or put back: %v", err)
		}
	}
	for _, query := range []string{"?durability=everysec", "?durability=managed"} { // which may lose the last moments
		server.client().HSet(t.Context(), asked, "asked", before)
		for range 2 {
			if err := later(query).Ready(t.Context()); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		server.client().HSet(t.Context(), asked, "asked", s.Newest().Add(-lastMoments-time.Second).UnixMilli())
		older(later(query))
		if err := later("?durability=none").Ready(t.Context()); err != nil { // which promises nothing
			t.Errorf("none: %v", err)
		}
	}
	server.client().HSet(t.Context(), asked, "asked", before)
	if err := patient(t, Options{Location: at(server.url())}).Ready(t.Context()); err != nil {
		t.Errorf("a process that knows nothing: %v", err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("after one that began: %v", err)
	}
}

// A server that has evicted keys may have evicted those of an index alone: then all is well with what is looked at, and
// people are missing in lists and exports.
func TestAServerThatHasEvictedKeysIsUnsafe(t *testing.T) {
	server := startServer(t)
	s, managed := patient(t, Options{Location: at(server.url())}),
		patient(t, Options{Location: at(server.url() + "?durability=managed")})
	for i := range 100 {
		server.client().Set(t.Context(), fmt.Sprint("filler-", i), strings.Repeat("x", 10_000), 0)
	}
	server.set("maxmemory", "1200000")
	server.set("maxmemory-policy", "allkeys-random")
	poll(t, "keys are evicted", func() bool {
		server.client().Set(t.Context(), "one more", "x", 0)
		return readInfo(server.client().Info(t.Context(), "stats").Val())["evicted_keys"] > "0"
	})
	server.set("maxmemory-policy", "noeviction")
	server.set("maxmemory", "0")
	expectSetting(t, s.Ready(t.Context()), "evicted_keys")
	if err := managed.Ready(t.Context()); err != nil {
		t.Errorf("of a managed server that is its operator's business: %v", err)
	}
	if err := server.client().ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("as it says: %v", err)
	}
}
