package redis

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/optin/optin/store"
)

// How a Redis key is named.
//
// All keys begin with "optin:". What belongs to one subscription carries one hash tag, the number n of its shard, so
// that scripts run on a Cluster as they do on one server. A shard is FNV-1a (32 bits) of the record's id modulo 16:
// the function and both numbers are part of the data and can never change.
//
//	optin:{n}:record:<site>:<id>       string   the record, packed (value.go, lua/lib_value.lua); expires with it
//	optin:{n}:tombstone:<site>:<id>    string   versions of an erased record, for ten seconds
//	optin:{n}:all:<site>               zset     ids of the site's records by Created, ms
//	optin:{n}:state:<site>:<state>     zset     the same, of one state
//	optin:{n}:queue:<queue>            zset     members "job id|site|record id" by when due, or their lease ends, ms
//	optin:{n}:attempts:<queue>         hash     job id -> times leased, from the first lease on, kept after it failed;
//	                                            negative: put back, -0: requeued and not leased since
//	optin:{n}:bodies:<queue>           hash     job id -> body, unless empty
//	optin:{n}:failed:<queue>           zset     members, as in queues, by when they failed, ms and thousandths
//	optin:{n}:moved                    set      members of jobs that have moved to another queue and are not complete
//	optin:{n}:run-now:<mark>           string   how many jobs a RunNow made due there, for ten seconds
//	optin:{n}:days:<site>              zset     the days on which something was counted, all at 0
//	optin:{n}:counts:<site>:<day>      hash     name -> how many were counted in this shard; for 1100 days
//	optin:bucket:<name>                zset     what was taken from a bucket and may count: takers or random marks
//	                                            by microseconds; expires by itself
//	optin:cell:<name>                  string   the value that a cell holds; expires by itself
//	optin:text:<sum>                   string   a text that people were shown, for ever
//	optin:ready                        string   written by Ready to see whether writing works; expires by itself

// shards is part of the data, see above.
const shards = 16

// shard is the prefix of all keys of one shard, hash tag included.
type shard string

func shardNumber(n int) shard { return shard("optin:{" + strconv.Itoa(n) + "}:") }

func shardOf(id string) shard {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // cannot fail
	return shardNumber(int(h.Sum32() % shards))
}

func (s shard) record(k store.Key) string         { return string(s) + "record:" + k.Site + ":" + k.ID }
func (s shard) tombstone(k store.Key) string      { return string(s) + "tombstone:" + k.Site + ":" + k.ID }
func (s shard) all(site string) string            { return string(s) + "all:" + site }
func (s shard) state(site, state string) string   { return string(s) + "state:" + site + ":" + state }
func (s shard) queue(q store.QueueName) string    { return string(s) + "queue:" + string(q) }
func (s shard) attempts(q store.QueueName) string { return string(s) + "attempts:" + string(q) }
func (s shard) bodies(q store.QueueName) string   { return string(s) + "bodies:" + string(q) }
func (s shard) failed(q store.QueueName) string   { return string(s) + "failed:" + string(q) }
func (s shard) moved() string                     { return string(s) + "moved" }
func (s shard) runNow(mark string) string         { return string(s) + "run-now:" + mark }
func (s shard) days(site string) string           { return string(s) + "days:" + site }

// counts returns the key of one day's counts, once the day is appended to it.
func (s shard) counts(site string) string { return string(s) + "counts:" + site + ":" }

// index returns the key of the index that a query reads.
func (s shard) index(q store.Query) string {
	if q.State == "" {
		return s.all(q.Site)
	}
	return s.state(q.Site, q.State)
}

func bucketKey(name string) string { return "optin:bucket:" + name }
func cellKey(name string) string   { return "optin:cell:" + name }
func textKey(sum string) string    { return "optin:text:" + sum }

// readyKey is written to see whether writing works.
const readyKey = "optin:ready"

// member returns a job as it stands in its queue: all of it but the body, so most jobs cost nothing else.
func member(id string, k store.Key) string { return id + "|" + k.Site + "|" + k.ID }

func readMember(m string) (id string, k store.Key) {
	id, rest, _ := strings.Cut(m, "|")
	k.Site, k.ID, _ = strings.Cut(rest, "|")
	return id, k
}
