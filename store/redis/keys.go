package redis

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/optin/optin/store"
)

// shards is part of the data: see the package comment.
const shards = 16

// shard is the prefix of all keys of one shard, hash tag included.
type shard string

func shardNumber(n int) shard { return shard("optin:{" + strconv.Itoa(n) + "}:") }

func shardOf(id string) shard {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // cannot fail
	return shardNumber(int(h.Sum32() % shards))
}

func (s shard) record(k store.Key) string       { return string(s) + "r:" + k.Site + ":" + k.ID }
func (s shard) tombstone(k store.Key) string    { return string(s) + "x:" + k.Site + ":" + k.ID }
func (s shard) all(site string) string          { return string(s) + "all:" + site }
func (s shard) state(site, state string) string { return string(s) + "in:" + site + ":" + state }
func (s shard) queue(k store.QueueName) string  { return string(s) + "q:" + string(k) }
func (s shard) tries(k store.QueueName) string  { return string(s) + "t:" + string(k) }
func (s shard) bodies(k store.QueueName) string { return string(s) + "b:" + string(k) }
func (s shard) parked(k store.QueueName) string { return string(s) + "d:" + string(k) }
func (s shard) moved() string                   { return string(s) + "moved" }
func (s shard) hastened(mark string) string     { return string(s) + "h:" + mark }
func (s shard) days(site string) string         { return string(s) + "n:" + site }

// counts is where one day's are, when the day is put behind it.
func (s shard) counts(site string) string { return string(s) + "n:" + site + ":" }

// index is the one that a query reads.
func (s shard) index(q store.Query) string {
	if q.State == "" {
		return s.all(q.Site)
	}
	return s.state(q.Site, q.State)
}

// member is an entry as it stands in its lane's queue: all of it but the body, so most entries cost nothing else.
func member(id string, k store.Key) string { return id + "|" + k.Site + "|" + k.ID }

func readMember(m string) (id string, k store.Key) {
	id, rest, _ := strings.Cut(m, "|")
	k.Site, k.ID, _ = strings.Cut(rest, "|")
	return id, k
}
