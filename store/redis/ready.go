package redis

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/store"
)

// Ready asks every master whether it is alive, takes writes, never evicts, and keeps what it acknowledges.
func (s *Store) Ready(ctx context.Context) error {
	result, err := bounded(s.connection, ctx, func(ctx context.Context) (last error) {
		for i := 0; ; i++ {
			last = s.eachMaster(ctx, s.check)
			if !retryable(last) || errors.As(last, new(*store.UnsafeError)) || i+1 >= maxAttempts {
				return last
			}
			s.reload(ctx)
			if !s.pause(ctx, retryPauses[i]) {
				return last
			}
		}
	})
	if err != nil {
		return err
	}
	if errors.As(result, new(*store.UnsafeError)) {
		return result
	}
	return contractError(ctx, result)
}

// check asks one server.
func (s *Store) check(ctx context.Context, c *goredis.Client) error {
	pipe := c.Pipeline()
	ping, info := pipe.Ping(ctx), pipe.Info(ctx)
	policy, files := pipe.ConfigGet(ctx, "maxmemory-policy"), pipe.ConfigGet(ctx, "*append*")
	write := pipe.Set(ctx, readyKey, "", time.Minute) // only this shows a server that is full or cannot write its file
	_, failed := pipe.Exec(ctx)                       // of a connection that could not be set up; see replyOf
	if err := cmp.Or(ping.Err(), failed); ping.Val() == "" {
		return cmp.Or(err, errNoAnswer)
	}
	has := make(map[string]string)
	if err := readInfo(info, has); err != nil {
		return err
	}
	for _, asked := range []*goredis.MapStringStringCmd{policy, files} {
		if err := asked.Err(); err != nil && (!replied(err) || isTemporary(err)) {
			return err
		} else if err != nil {
			s.logRefused(ctx, err)
		}
		for name, value := range asked.Val() {
			has[name] = value
		}
	}
	if u := unsafeSetting(s.durability, has); u != nil {
		if s.client != goredis.UniversalClient(c) && u.Have != "" { // one of several
			u.Have += " (on " + c.Options().Addr + ")"
		}
		return u
	}
	if err := write.Err(); err != nil && !goredis.HasErrorPrefix(err, "MOVED") { // its slot is another master's
		return err
	}
	return nil
}

// readInfo reads from INFO the role and, for servers that refuse CONFIG, the settings that it tells. A server that
// refuses INFO, too, is believed to be safe.
func readInfo(info *goredis.StringCmd, has map[string]string) error {
	if err := info.Err(); err != nil && (!replied(err) || isTemporary(err)) {
		return err
	}
	for line := range strings.Lines(info.Val()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "role":
			has["role"] = value
		case "maxmemory_policy":
			has["maxmemory-policy"] = value
		}
	}
	return nil
}

func (s *Store) logRefused(ctx context.Context, err error) {
	if s.refused.CompareAndSwap(false, true) {
		s.log.WarnContext(ctx, "redis refuses CONFIG GET: whether it keeps what it acknowledges cannot be checked, "+
			"make sure that it has appendonly and appendfsync as durability asks",
			"durability", string(s.durability), "error", err)
	}
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
		if w.setting == "role" {
			value, fix = "replica", "let store name the master, or run REPLICAOF NO ONE on this server"
		}
		return &store.UnsafeError{Setting: w.setting, Have: value, Want: good, Fix: fix}
	}
	return nil
}

// atLeast reports whether d asks for all that other asks for.
func atLeast(d, other store.Durability) bool {
	ascending := []store.Durability{store.DurabilityNone, store.DurabilityEverySec, store.DurabilityAlways}
	return slices.Index(ascending, d) >= slices.Index(ascending, other)
}
