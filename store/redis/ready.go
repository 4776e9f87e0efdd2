package redis

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// Ready asks every master whether it is alive, runs scripts, takes writes, never evicts, and keeps what it
// acknowledges: on its disk, and on as many replicas as Location says. Then it asks every shard whether what all its
// records share is what it should be (types.go).
func (s *Store) Ready(ctx context.Context) error {
	result, err := bounded(s.connection, ctx, func(ctx context.Context) (last error) {
		for i := 0; ; i++ {
			now := s.checkAll(ctx)
			if now == nil {
				return nil
			}
			last = sayingMore(last, now)
			if remains(last) || i+1 >= maxAttempts {
				return last
			}
			s.reload(ctx)
			if !s.pause(ctx, retryPauses[i]) {
				return last
			}
		}
	})
	switch {
	case err != nil:
		return err
	case errors.As(result, new(*store.UnsafeError)):
		return result
	case replied(result):
		return refusal(result)
	}
	return contractError(ctx, result)
}

// remains reports whether an error of Ready would be the same a moment later.
func remains(err error) bool { return !retryable(err) || errors.As(err, new(*store.UnsafeError)) }

// incomplete returns the error of Ready that says that data may be missing, or nil.
func incomplete(err error) *store.UnsafeError {
	if u := new(store.UnsafeError); errors.As(err, &u) && (u.Incomplete || u.Older) {
		return u
	}
	return nil
}

// checkAll asks all servers and all shards once. That something is missing goes before all else that is wrong.
func (s *Store) checkAll(ctx context.Context) error {
	var lacks atomic.Pointer[store.UnsafeError]
	err := s.eachMaster(ctx, func(ctx context.Context, c *goredis.Client) error {
		err := s.check(ctx, c)
		if u := incomplete(err); u != nil {
			lacks.Store(u)
		}
		return err
	})
	if u := lacks.Load(); u != nil {
		return u
	}
	if err == nil {
		return s.checkShards(ctx)
	}
	if remains(err) {
		if u := incomplete(s.checkShards(ctx)); u != nil {
			return u
		}
	}
	return err
}

// tryScript is as much of readyScript as can be tried without a change.
const tryScript = "return redis.call('EXISTS', KEYS[1])"

// check asks one server, in one round trip.
func (s *Store) check(ctx context.Context, c *goredis.Client) error {
	pipe := c.Pipeline()
	ping, info, stats := pipe.Ping(ctx), pipe.Info(ctx), pipe.Info(ctx, "commandstats")
	var config []*goredis.MapStringStringCmd
	asked := []string{"maxmemory-policy", "*append*"} // several at once only from Redis 7 on
	if s.replicas > 0 {
		asked = append(asked, "min-replicas-*")
	}
	for _, names := range asked {
		config = append(config, pipe.ConfigGet(ctx, names))
	}
	script := readyScript.body
	if s.readOnly {
		script = tryScript
	}
	written := pipe.Eval(ctx, script, []string{readyKey})
	var wait *goredis.Cmd
	if s.replicas > 0 && !s.readOnly {
		wait = goredis.NewCmd(ctx, "wait", s.replicas, (s.pipeline.attempt / 2).Milliseconds())
		_ = pipe.Process(ctx, noRetry{wait})
	}
	_, failed := pipe.Exec(ctx) // of a connection that could not be set up; see replyOf
	if err := cmp.Or(ping.Err(), failed); ping.Val() == "" {
		if err == nil || !replied(err) {
			err = cmp.Or(unasked(ctx, c), err)
		}
		return cmp.Or(err, errNoAnswer)
	}
	if err := info.Err(); err != nil && (!replied(err) || isTemporary(err)) {
		return err
	}
	has := readInfo(info.Val() + stats.Val())
	refused, command := info.Err(), "info"
	for _, asked := range config {
		if err := asked.Err(); err != nil && (!replied(err) || isTemporary(err)) {
			return err
		} else if err != nil {
			refused, command = err, "config|get"
		}
		for name, value := range asked.Val() {
			has[name] = value
		}
	}
	u := cmp.Or(unsafeSetting(store.DurabilityNone, has), evicted(s.durability, has),
		unsafeSetting(s.durability, has), s.unfinishedFile(c.Options().Addr, has), fewReplicas(s.replicas, has))
	if u == nil && refused != nil && atLeast(s.durability, store.DurabilityEverySec) {
		u = refusal(refused)
		u.Have = "refused"
		u.Setting = strings.ToUpper(strings.ReplaceAll(command, "|", " "))
		u.Want = "answered, or whether writes are kept cannot be known"
		u.Fix = "let this user run it (ACL SETUSER with +" + command + "); or if it is a managed Redis whose " +
			"operator promises to keep what it acknowledges, say so with ?durability=managed"
	}
	if u != nil {
		if s.client != goredis.UniversalClient(c) { // one of several
			u.Have += " (on " + c.Options().Addr + ")"
		}
		return u
	}
	if err := written.Err(); err != nil && !goredis.HasErrorPrefix(err, "MOVED") { // its slot is another master's
		return err
	}
	if wait != nil {
		if n, err := wait.Int(); err != nil || n < s.replicas {
			return cmp.Or(err, error(tooFewReplicas(s.replicas, fmt.Sprintf("at %d that have the last change", n))))
		}
	}
	return nil
}

// olderData says that the data is older than was known: the server was started without its append-only file, say, and
// has read a snapshot, or somebody has put a copy in the place of that file. Both times are in ms since 1970.
func olderData(is, known int64) *store.UnsafeError {
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateTime) }
	have := "as it was on " + date(is)
	if is == 0 {
		have = "without the time that it is of"
	}
	return &store.UnsafeError{
		Setting: "the data of the server", Have: have, Want: "that of " + date(known),
		Older: true,
		Fix: "stop the server and put its newest files back; if they are still there, because it was started " +
			"without `appendonly yes`, write that into redis.conf and start it, and never run CONFIG SET " +
			"appendonly yes before, which overwrites them; if what was acknowledged since is lost for good, bring " +
			"this up to date by the consent log (optin erase -replay -config optin.yaml), or without one " + acceptFix,
	}
}

// seen notes how new the data of a shard is.
func (s *Store) seen(shard int, asked int64) {
	known := &s.asked[shard]
	for before := known.Load(); before < asked && !known.CompareAndSwap(before, asked); before = known.Load() {
	}
}

// Newest returns the oldest of what the shards say.
func (s *Store) Newest() time.Time {
	oldest := s.asked[0].Load()
	for i := range s.asked {
		oldest = min(oldest, s.asked[i].Load())
	}
	if oldest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(oldest)
}

// unaskedWithin is how long a server has to refuse a connection that it is asked nothing on.
const unaskedWithin = 100 * time.Millisecond

// unasked returns the words by which a server refuses a new connection, or nil. One that has as many as maxclients says
// so, unasked, and closes it; the client asks, takes any answer for that of a server without HELLO, and reports what
// comes then: that the connection is closed.
func unasked(ctx context.Context, c *goredis.Client) error {
	conn, err := c.Options().Dialer(ctx, "tcp", c.Options().Addr)
	if err != nil {
		return nil //nolint:nilerr // the client had that error, too
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(unaskedWithin))
	line, _ := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
	if words, refused := bytes.CutPrefix(line, []byte("-")); refused {
		return said(bytes.TrimSpace(words))
	}
	return nil
}

// said is what a server said that the client did not read.
type said string

func (s said) Error() string { return string(s) }

// RedisError makes it a goredis.Error.
func (said) RedisError() {}

// unfinishedFile returns that a server's append-only file is not in use yet, or nil. Once `appendonly yes` is said to a
// server that runs, a first rewrite has to end before its file is read at a start: what the server acknowledges until
// then is gone if it dies, and nothing that it reports says so. So it is known by what was: it had no file when it was
// asked before, or it never had one (Redis 7 and later report the size of its base), or a setting was changed and a
// rewrite has begun since (they count how often): perhaps the file was turned off and on in between.
func (s *Store) unfinishedFile(addr string, has map[string]string) *store.UnsafeError {
	if !atLeast(s.durability, store.DurabilityEverySec) {
		return nil
	}
	if has["appendonly"] == "no" {
		s.withoutFile.Store(addr, true)
		return nil
	}
	busy := has["aof_rewrite_in_progress"] == "1" || has["aof_rewrite_scheduled"] == "1"
	was, known := s.rewrites.Swap(addr, rewrite{busy, has["config|set"]})
	if known && busy && !was.(rewrite).busy && was.(rewrite).sets != has["config|set"] {
		s.withoutFile.Store(addr, true)
	}
	base, told := has["aof_base_size"], has["aof_rewrites"] != ""
	_, without := s.withoutFile.Load(addr)
	if !without && !(told && base == "0") {
		return nil
	}
	if busy || without && has["aof_last_bgrewrite_status"] == "err" {
		return &store.UnsafeError{Setting: "the append-only file", Have: "not in use before its first rewrite ends",
			Want: "in use", Fix: "wait: INFO persistence has aof_rewrite_in_progress:0 and " +
				"aof_last_bgrewrite_status:ok then; if it never does, the server's log says why"}
	}
	s.withoutFile.Delete(addr)
	return nil
}

// rewrite is what a server said of the rewrite of its file: whether there is one, and how often a setting was changed,
// which Redis reports from version 7 on.
type rewrite struct {
	busy bool
	sets string
}

// evicted returns that a server has thrown keys away since it was started, whatever its policy is now, or nil. Which
// they were nobody knows: records, or an index without which lists and exports lack people.
func evicted(d store.Durability, has map[string]string) *store.UnsafeError {
	n, known := has["evicted_keys"]
	if !known || n == "0" || !atLeast(d, store.DurabilityEverySec) {
		return nil
	}
	return &store.UnsafeError{Setting: "evicted_keys", Have: n, Want: "0", Incomplete: true,
		Fix: "the server has thrown data away to have room, perhaps optin's: put a copy of it back, or fill an empty " +
			"store from the consent log (optin restore); after that, or if the keys were another program's, run " +
			"CONFIG RESETSTAT"}
}

// fewReplicas returns what of a master's settings, or of its replicas, would let a failover lose what is acknowledged,
// or nil. want is how many replicas are to have a change; a setting that the server does not report is believed.
func fewReplicas(want int, has map[string]string) *store.UnsafeError {
	if want == 0 {
		return nil
	}
	for _, w := range []struct {
		setting     string
		least, most int
	}{
		{"min-replicas-to-write", want, maxReplicas}, {"min-replicas-max-lag", 1, maxLag},
	} {
		value, known := has[w.setting]
		if n, err := strconv.Atoi(value); known && (err != nil || n < w.least || n > w.most) {
			good := strconv.Itoa(w.least)
			line := w.setting + " " + good
			return &store.UnsafeError{Setting: w.setting, Have: value, Want: good,
				Fix: "run CONFIG SET " + line + " and write the line `" + line + "` into redis.conf, on every server"}
		}
	}
	if n, err := strconv.Atoi(has["connected_slaves"]); err == nil && n < want {
		return tooFewReplicas(want, "at "+strconv.Itoa(n))
	}
	return nil
}

const (
	maxReplicas = 100 // that a server may ask for
	maxLag      = 10  // seconds that a replica may have been silent for
)

func tooFewReplicas(want int, have string) *store.UnsafeError {
	return &store.UnsafeError{Setting: "the number of replicas", Have: have, Want: "at least " + strconv.Itoa(want),
		Fix: "bring the replicas back (INFO replication lists those that are connected), or say in store how many " +
			"must have a change: ?replicas=0 to 9"}
}

// readInfo reads from INFO the role and, for servers that refuse CONFIG, the settings that it tells.
func readInfo(info string) map[string]string {
	has := map[string]string{}
	for line := range strings.Lines(info) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "role", "evicted_keys", "connected_slaves", "aof_base_size", "aof_rewrites", "aof_rewrite_in_progress",
			"aof_rewrite_scheduled", "aof_last_bgrewrite_status":
			has[name] = value
		case "cmdstat_config|set":
			has["config|set"], _, _ = strings.Cut(value, ",")
		case "maxmemory_policy":
			has["maxmemory-policy"] = value
		case "aof_enabled":
			has["appendonly"] = map[string]string{"0": "no", "1": "yes"}[value]
		}
	}
	return has
}

// unsafeSetting returns the first setting that is unsafe, or nil. A setting that the server does not report is believed
// to be safe.
func unsafeSetting(d store.Durability, has map[string]string) *store.UnsafeError {
	wanted := []struct {
		setting string
		good    []string // the first is what the fix writes
		from    store.Durability
	}{
		{"role", []string{"master"}, store.DurabilityNone},
		{"maxmemory-policy", []string{"noeviction"}, store.DurabilityNone},
		{"appendonly", []string{"yes"}, store.DurabilityEverySec},
		{"appendfsync", []string{"everysec", "always"}, store.DurabilityEverySec},
		{"appendfsync", []string{"always"}, store.DurabilityAlways},
		{"no-appendfsync-on-rewrite", []string{"no"}, store.DurabilityAlways},
	}
	for _, w := range wanted {
		value, known := has[w.setting]
		if !known || !atLeast(d, w.from) || slices.Contains(w.good, value) {
			continue
		}
		good := w.good[0]
		if d == store.DurabilityAlways && w.setting == "appendfsync" {
			good = "always"
		}
		line := w.setting + " " + good
		fix := "run CONFIG SET " + line + " and write the line `" + line + "` into redis.conf"
		if w.setting == "appendonly" {
			fix += "; but if the server was started anew and has lost what was in its file, only write the line and " +
				"start it again, since CONFIG SET would overwrite the file"
		}
		if w.setting == "role" {
			return notMaster("replica")
		}
		return &store.UnsafeError{Setting: w.setting, Have: value, Want: good, Fix: fix,
			Incomplete: w.setting == "maxmemory-policy"}
	}
	return nil
}

func notMaster(have string) *store.UnsafeError {
	return &store.UnsafeError{Setting: "role", Have: have, Want: "master", Older: true,
		Fix: "let store name the master, or run REPLICAOF NO ONE on this server"}
}

// atLeast reports whether d asks for all that other asks for. Of a managed server only what cannot be promised away is
// asked: that it is a master and never evicts.
func atLeast(d, other store.Durability) bool {
	ascending := []store.Durability{store.DurabilityNone, store.DurabilityEverySec, store.DurabilityAlways}
	return slices.Index(ascending, d) >= slices.Index(ascending, other) || other == store.DurabilityNone
}

// refusal says what is wrong with a server that answers, and does not do what it is asked: in its own words, with what
// to do about it.
func refusal(err error) *store.UnsafeError {
	words := serverWords(err)
	for _, r := range []struct{ begins, setting, want, fix string }{
		{"OOM", "maxmemory", "more than what is stored takes", "give the server more memory and raise maxmemory " +
			"(CONFIG SET maxmemory, and the line in redis.conf), or remove what is not optin's; " +
			"until then only what takes consent back is taken"},
		{"MISCONF", "the server's file", "writable", "make room on the server's disk, or mend it; its log says more"},
		{"NOREPLICAS", "the number of replicas", "at least min-replicas-to-write", "bring the replicas back; INFO " +
			"replication lists those that are connected"},
		{"READONLY", "role", "master", notMaster("").Fix},
		{"LOADING", "the server's data", "loaded", "wait until the server has read its file, as after each start"},
		{"BUSY", "the server", "done with its script", "wait, or end the script with SCRIPT KILL"},
		{"CLUSTERDOWN", "the cluster", "whole", "bring the missing master back; CLUSTER INFO says more"},
		{"MASTERDOWN", "the master", "reachable", "bring it back, or let the Sentinels fail over"},
		{"NOAUTH", "the login", "with a password", loginFix}, {"WRONGPASS", "the login", "right", loginFix},
		{"ERR invalid password", "the login", "right", loginFix},
		{"NOPERM", "the user's permissions", "enough for the commands of optin",
			"run ACL SETUSER with ~o:* ~o{* +@all -@admin -@dangerous +info +config|get"},
		{"ERR unknown command", "scripting", "possible", "use a server that runs Lua scripts, and renames neither " +
			"EVAL nor EVALSHA"},
		{"max number of clients", "maxclients", "more than there are clients", "raise it, or end other clients"},
	} {
		if strings.HasPrefix(words, r.begins) || strings.HasPrefix(strings.TrimPrefix(words, "ERR "), r.begins) {
			return &store.UnsafeError{Setting: r.setting, Want: r.want, Words: words, Fix: r.fix,
				Older: r.setting == "role"}
		}
	}
	return &store.UnsafeError{Setting: "the server", Want: "able to do what it is asked", Words: words,
		Fix: "look the error up in the documentation of this server"}
}

const loginFix = "write the user and the password of the server into store: redis://user:password@host:6379/0"

// serverWords returns what a server said, on one line and without what would only repeat a script: what comes from
// outside is shown to people.
func serverWords(err error) string {
	var said goredis.Error
	if !errors.As(err, &said) {
		return err.Error()
	}
	words := said.Error()
	if _, inner, found := strings.Cut(words, ": -"); found && strings.HasPrefix(words, "ERR Error running script") {
		words = inner // as servers before Redis 7 put it
	}
	words, _, _ = strings.Cut(words, " script: ")
	words = strings.TrimRight(strings.Trim(strconv.QuoteToASCII(words), `"`), ".")
	return words[:min(len(words), 200)]
}
