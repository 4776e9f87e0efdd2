// Package redis is the store on Redis: one server, a master found by Sentinel, or a Cluster. It is tested with Redis 7.0.
//
// # What a call costs
//
// Every act is one Lua script, so it happens whole or not at all. A first signup is one round trip: Update supposes
// that there is no record, and the script answers with the record that is in the way, if any. Then f runs on that. A
// change of a known record is two round trips. Callers in one process take turns at a record; between processes the
// versions decide.
//
// Counts are added by the script of their change, in the shard of its record: no further round trip. Counts, List and Parked
// ask all shards in one pipeline, a round trip for each server; a page of Parked after an ID first searches the parked of all
// shards for it, one round trip more and a look at each of them: with 100000 parked some milliseconds of each shard's server.
// Parked gives as Due when an entry died, and as Tries how often it was leased. Take, Return, Settle, Reserve, Held, Replace and
// Revive are one round trip. A Take and a Return cost the server the logarithm of the largest limit: with 50000 in a bucket some
// hundredths of a millisecond; each of those 50000 takes 120 bytes of memory, as long as it counts.
//
// Hasten goes by rounds of two round trips: a look at what waits in all shards, and the hastening of the soonest of it, at most 100 by
// one script. A round hastens up to 1600, some tens of milliseconds of one server; so all of a hundred thousand take some seconds, and
// others are served meanwhile. The budget is for each round trip; the whole is as long as it takes, or as its context lasts.
//
// # Replies that are lost
//
// The client's own retries are off: it repeats blindly. The store repeats an attempt itself, a few times within
// Options.Budget, because it can tell what became of the one before: each change carries a random version made once,
// and a record remembers the versions of the last ten seconds (at most 32, and as long after it is gone). An attempt
// that finds its own version answers "done", and has counted. Settle, Take, Hasten (for ten seconds), Revive, Reserve and Replace know
// their own traces likewise; to give back twice is to give back once. Four cases are left open: a Settle whose reply was lost and
// whose lease then passed on within the same second may report either outcome; entries that a Lease took while its reply was lost
// come back when their hold is over; a Revive or Replace whose reply was lost may report ErrNotFound or ErrLeaseLost if the entry was
// leased or the value replaced since, within the same second; a Return whose reply was lost gives back, too, what its taker took
// anew within the same second. None of it is work done twice by the store.
//
// Whatever stands between the caller and an answer is store.ErrUnavailable, the cause wrapped in it: no connection,
// a time-out, LOADING, READONLY, CLUSTERDOWN, MASTERDOWN, NOREPLICAS, MISCONF, OOM, a refused password. If it was the caller's
// context that ended, the error is that too.
//
// # Keys
//
// All begin with "optin:". What belongs to one subscription carries one hash tag, the number of its shard, so that
// scripts run on a Cluster as they do on one server. A shard is FNV-1a (32 bits) of the record's id modulo 16: the
// function and both numbers are part of the data and can never change.
//
//	optin:{n}:r:<site>:<id>            string   the record, packed (record.go, lua/value.lua); expires with it
//	optin:{n}:x:<site>:<id>            string   tombstone: versions of an erased record, for ten seconds
//	optin:{n}:all:<site>               zset     ids by Created, ms
//	optin:{n}:in:<site>:<state>        zset     the same, of one state
//	optin:{n}:q:<kind>                 zset     entries "id|site|record id" by when they are due (or their lease ends), ms
//	optin:{n}:t:<kind>                 hash     entry id -> times leased, from the first lease on, kept when parked;
//	                                            negative: put back, -0: revived and not leased since
//	optin:{n}:b:<kind>                 hash     entry id -> body, unless empty
//	optin:{n}:moved                    set      entries, as in queues, that have moved to another lane and are not done
//	optin:{n}:h:<mark>                 string   how many a Hasten made due there, for ten seconds
//	optin:{n}:d:<kind>                 zset     parked entries by when they were parked, ms and thousandths
//	optin:{n}:n:<site>                 zset     the days on which something was counted, all at 0
//	optin:{n}:n:<site>:<day>           hash     name -> how many were counted in this shard; for 1100 days from the first
//	optin:k:<bucket>                   zset     the takes that may count, their takers or else random marks by microseconds;
//	                                            expires by itself (optin:w:, a list, was the same before Return, and is not read)
//	optin:v:<name>                     string   what is reserved under a name; expires by itself
//	optin:text:<sum>                   string   a text that was shown, for ever
//	optin:ready                        string   written by Ready to see whether writing works; expires by itself
//
// # Clocks
//
// Leases, limits and reservations go by the server's clock; the order of deaths by those of all masters. A record's life is
// counted by the server from the caller's clock (Expires less now), and its end stands in the record too and is checked when it
// is read: a server whose clock is set back revives nobody. If it is set forward, records go early: leave slack. Takes that lie ahead of
// a clock that was set back count as made now.
//
// # What the server must promise
//
// Ready asks every master each time: maxmemory-policy must be noeviction, always; for durability=always (the default)
// appendonly yes, appendfsync always and no-appendfsync-on-rewrite no; for everysec the first, and a fsync at least that often;
// for none nothing more. A read-only replica is unfit. Where CONFIG is refused, as managed servers do, that is logged once
// and believed; what INFO tells is still checked. A small key is written as well, on a Cluster to the master that has its slot: a server
// that is full or cannot write its file is away. Replication is asynchronous: a failover may lose what was acknowledged, whatever
// the fsync, unless min-replicas-to-write and min-replicas-max-lag are set on the servers.
package redis
