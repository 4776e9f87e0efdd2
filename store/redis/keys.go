package redis

import (
	"crypto/sha256"
	"hash/fnv"
	"strconv"

	"github.com/optin/optin/store"
)

// How a Redis key is named.
//
// All keys begin with "o{" or "o:". What belongs to one subscription carries one hash tag, the number n of its shard,
// so that scripts run on a Cluster as they do on one server, and every key that a script touches is among its KEYS. One
// server, with Sentinels or without, has one shard, {0}. A Cluster has 16: a record is in the shard that FNV-1a (32
// bits) of its ID modulo 16 names. The function and both numbers are part of the data and can never change. So the data
// of a server cannot be loaded into a Cluster: it would all be in shard 0 and looked for in the others.
//
//	o{n}r              hash     records, packed (value.go, lua/lib_value.lua): site and ID (17 bytes) -> record;
//	                            and 'k' -> which store this is: a copy of the mark in each shard
//	o{n}x<site><ID>    string   tombstone: versions of an erased record, for ten seconds
//	o{n}l<site>        set      the states that records of the site ever had, and which of their indexes are not empty
//	o{n}i<site>/<state> packed  index: records of a state: Created (6 bytes), ID (17)
//	o{n}t              packed   timers and expiries (lua/lib_timers.lua): when (6), number of the site (2), ID (17)
//	o{n}p              zset     timers that are leased or put back: site and ID by when they are due, ms
//	o{n}s              hash     numbers of sites, both ways: site -> number, '#' number -> site
//	o{n}j              hash     jobs of all queues, packed (lua/lib_queue.lua, queue.go): ID -> job
//	o{n}q<queue>       zset     IDs of jobs by when due, or their lease ends, ms
//	o{n}f<queue>       zset     IDs of failed jobs by when they failed, ms and thousandths
//	o{n}d              zset     queues by when their first job is due, ms
//	o{n}a              hash     what Ready knows: 'asked' -> when it was asked last, ms; key -> it was missed then, ms
//	o{n}m<mark>        string   what a RunNow did there, for ten seconds
//	o{n}c<site>/<time> hash     what was counted in this shard in a day, six hours or ten minutes (counters.go)
//	o{n}b<hash>        string   bucket of exact limits (lua/lib_limits.lua), by SHA-256 of its name (12 bytes)
//	o{n}n<hash>        string   bucket of large limits, likewise
//	o:b<hash> o:n<hash> string  the same on a Cluster, where a bucket has a slot of its own; see limits.go
//	o:c<name>          string   the value that a cell holds
//	o:h<sum>           string   a text that people were shown, for ever
//	o:ready            string   written by Ready to see whether writing works
//
// A packed set is a sorted set of chunks (lua/lib_packed.lua). Tombstones, marks, counters, buckets, cells and o:ready
// expire by themselves.

// clusterShards is part of the data, see above.
const clusterShards = 16

// shard is the prefix of all keys of one shard, hash tag included.
type shard string

func shardNumber(n int) shard { return shard("o{" + strconv.Itoa(n) + "}") }

// numberOf returns the number of the shard of a record, of so many shards.
func numberOf(id string, shards int) int {
	if shards == 1 {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))             // cannot fail
	return int(h.Sum32() % uint32(shards)) // #nosec G115 -- it is 16
}

func (s shard) records() string                 { return string(s) + "r" }
func (s shard) tombstone(field string) string   { return string(s) + "x" + field }
func (s shard) states(site string) string       { return string(s) + "l" + site }
func (s shard) index(site, state string) string { return string(s) + "i" + site + "/" + state }
func (s shard) timers() string                  { return string(s) + "t" }
func (s shard) pushed() string                  { return string(s) + "p" }
func (s shard) sites() string                   { return string(s) + "s" }
func (s shard) jobs() string                    { return string(s) + "j" }
func (s shard) queue(q store.QueueName) string  { return string(s) + "q" + string(q) }
func (s shard) failed(q store.QueueName) string { return string(s) + "f" + string(q) }
func (s shard) due() string                     { return string(s) + "d" }
func (s shard) asked() string                   { return string(s) + "a" }
func (s shard) mark(mark string) string         { return string(s) + "m" + mark }

// timerKeys returns the keys of the scripts that lease timers.
func (s shard) timerKeys() []string {
	return []string{s.due(), s.records(), s.timers(), s.pushed(), s.sites()}
}

// bucket returns the key of a bucket. The zero shard stands for a slot of its own.
func (s shard) bucket(b store.Bucket) string {
	sum := sha256.Sum256([]byte(b.Name))
	prefix := string(s)
	if prefix == "" {
		prefix = "o:"
	}
	if b.Exact() {
		return prefix + "b" + string(sum[:12])
	}
	return prefix + "n" + string(sum[:12])
}

func cellKey(name string) string { return "o:c" + name }
func textKey(sum string) string  { return "o:h" + sum }

const (
	markField = "k"       // among the records: who loses them loses the mark
	readyKey  = "o:ready" // is written to see whether writing works
)

// field returns the field of a record, or false if there can be no such record.
func field(k store.Key) (string, bool) { return packIDBehind(k.Site, k.ID) }

// readField is the reverse of field.
func readField(f string) (k store.Key, ok bool) {
	if len(f) < idSize {
		return k, false
	}
	n := len(f) - idSize
	return store.Key{Site: f[:n], ID: unpackID(f[n:])}, true
}
