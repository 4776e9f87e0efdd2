// Package redis keeps a store on Redis: one server, a master that Sentinels name, or a Cluster. It is tested with
// Redis 7.0.
//
// # What a call costs
//
// Every call that changes something is one Lua script, so it happens whole or not at all. A first signup is one round
// trip: Update supposes that there is no record, and the script returns the record that is in the way, if there is one;
// then f runs on that. A change of a known record is two round trips. Callers in one process change a record one after
// the other; between processes the versions decide.
//
// Counts are added by the script of their change, in the shard of its record, without a further round trip.
//
// List, Lease, Failed, RunNow and Counts ask all shards in one pipeline, a round trip for each server, and merge what
// the shards return (shards.go). Lease then takes one more round trip, if anything is due. A page of Failed that
// continues after an ID first looks for it in all shards: one more round trip, and with 100000 failed jobs some
// milliseconds of each server. RunNow goes by rounds of two round trips, each for up to 1600 jobs and some tens of
// milliseconds of one server; so all of a hundred thousand take some seconds, and others are served meanwhile. The
// budget is for each round trip.
//
// End, RenewLease, Requeue, SetNX, Get, CompareAndSwap, PutText and Text are one round trip. So is Acquire, but of
// several buckets on a Cluster it is two, or three if another caller was faster (see Store.Acquire). It costs the
// server the logarithm of the largest limit: with 50000 in a bucket some hundredths of a millisecond. Each of those
// 50000 takes 120 bytes of memory as long as it counts.
//
// # Replies that are lost
//
// The client's own retries are off, because it repeats blindly. The store repeats an attempt itself, a few times
// within Options.Budget, because it can tell what became of the attempt before. Each change carries a random version,
// made once, and a record remembers the versions of the last ten seconds (at most 32, and as long after it is gone).
// An attempt that finds its own version has been made already, and counted. End, Acquire, RunNow (for ten seconds),
// Requeue, SetNX and CompareAndSwap recognise their earlier attempts likewise. Some cases are left open:
//
//   - an End whose reply was lost and whose job was leased again within the same second may report either outcome;
//   - jobs that a Lease took while its reply was lost come back when their lease is over;
//   - a Requeue or CompareAndSwap whose reply was lost may return ErrNotFound or ErrChanged if the job was leased or
//     the value changed since, within the same second;
//   - an Acquire of several buckets on a Cluster that is refused may leave a taker counted in some of them, if a
//     reply was lost or the process died before it could undo it.
//
// In none of them does the store do work twice.
//
// # Errors
//
// Whatever prevents an answer is store.ErrUnavailable, with its cause wrapped: no connection, a time-out, LOADING,
// READONLY, CLUSTERDOWN, MASTERDOWN, NOREPLICAS, MISCONF, OOM, a refused password. If the caller's context ended, the
// error is that, too.
//
// # Keys
//
// keys.go says how a key is named. What belongs to one subscription shares one hash tag. All keys that a script
// touches are among its KEYS, or share the slot of one.
//
// # Clocks
//
// Leases, limits and cells go by the server's clock; the order of failures by those of all masters. The server counts
// a record's life from the caller's clock (Expires less now), and its end stands in the record, too, and is checked
// when it is read: so a server whose clock is set back brings no expired record back. If it is set forward, records
// expire early. What was taken from a bucket at a time ahead of a clock that was set back counts as taken now.
//
// # What the server must promise
//
// Ready asks every master each time. maxmemory-policy must be noeviction, always. For durability=always, the default,
// appendonly must be yes, appendfsync always and no-appendfsync-on-rewrite no; for everysec, appendonly yes and an
// fsync at least that often; for none, nothing more. A read-only replica is unsafe. If CONFIG is refused, as managed
// servers do, that is logged once and the settings are believed to be right; what INFO tells is still checked. Ready
// also writes a small key, on a Cluster to the master that has its slot: a server that is full or cannot write its
// file is unavailable. Replication is asynchronous: a failover may lose what was acknowledged, whatever the fsync,
// unless min-replicas-to-write and min-replicas-max-lag are set on the servers.
package redis
