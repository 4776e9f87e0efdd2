// Package redis keeps a store on Redis: one server, a master that Sentinels name, or a Cluster. It is tested with
// Redis 7.0.
//
// # What a call costs
//
// Every call that changes something is one Lua script, so it happens whole or not at all. On one server, with Sentinels
// or without, every call is one round trip: a first signup with its limits, its record, its timer, its job and what the
// job reserves, and its counts; a Lease, however many jobs; Due, however many queues; List, Failed, Counts. The
// exceptions:
//
//   - A change of a known record is two round trips. Update supposes that there is no record, and the script returns
//     the record that is in the way, if there is one; then f runs on that. Callers in one process change a record one
//     after the other; between processes the versions decide. What a change acquires is looked at first: a refusal is
//     the same whether or not there is a record.
//   - AddAll is two if some of the records are there: it looks whether one of those has expired.
//   - The first List of all states of a site is two, until the process knows which states there are.
//   - RunNow goes by rounds of 100 jobs, so that others are served meanwhile.
//   - Due, and Lease of timers, remove records that have expired by one more round trip, if they meet any, at most 100
//     at a time and shard.
//
// The data of a Cluster is in 16 shards (keys.go). There Due, List, Failed and Counts ask all of them in one pipeline,
// a round trip for each master, and merge what they return (shards.go); Lease asks as many shards as it needs for a
// part each, in one round or a few; RunNow first looks, then acts; a page of Failed that continues after an ID first
// looks for that ID. An Update whose limits have slots of their own is two round trips: one pipeline for the limits,
// and the commit. See limits for what is taken out again if one of them refuses.
//
// # How callers share the way
//
// Commands of concurrent callers travel together: a batch is on the way, and what comes meanwhile is the next one, of
// up to 100 commands (pipeline.go). To a Cluster there are 16. A call starts no goroutine and no timer. It ends when
// the caller's context ends, at once, whatever the server does; and within Options.Budget, because a batch gets an
// answer or an error within four ninths of that, and what has waited too long for its turn is not sent any more. The
// next batch waits for at most 10 ms and goes on another connection then; so one that hangs holds up only its own
// callers.
//
// The changes in a batch, of records of one shard, are one call of one script (call.go, lua/commit.lua). It reads all
// that they need, decides on each by itself, in their order and as if those before it had been committed, and writes
// all that they change: what several add to one key, such as the limit of a site, a count, the index or a queue, is
// written once. One that fails, or is refused, fails alone. A signup of many that come at once takes a third of the
// server's time of one that comes alone.
//
// # Replies that are lost
//
// The client's own retries are off, because it repeats blindly. The store repeats an attempt itself, a few times
// within Options.Budget, because it can tell what became of the attempt before. Each change carries a random version,
// made once, and a record remembers the versions of the last ten seconds (at most 32, and as long after it is gone).
// An attempt that finds its own version has been made already, and counted, and has taken what it acquires. End,
// Acquire, RunNow (for ten seconds), Requeue, SetNX and CompareAndSwap recognise their earlier attempts likewise. Some
// cases are left open:
//
//   - an End whose reply was lost and whose job was leased again within the same second may report either outcome;
//   - jobs that a Lease took while its reply was lost come back when their lease is over;
//   - a Requeue or CompareAndSwap whose reply was lost may return ErrNotFound or ErrChanged if the job was leased or
//     the value changed since, within the same second;
//   - an Acquire whose reply was lost may take twice from a bucket of large limits, and so may an Update on a Cluster;
//   - on a Cluster what was taken from some buckets and not from all may stay taken, if a reply was lost or the process
//     died before it could undo it.
//
// In none of them does the store do work twice, or allow more than a limit.
//
// # Errors
//
// Everything that prevents an answer is store.ErrUnavailable, with its cause wrapped: no connection, one that could not
// be set up (a refused password, no SELECT), a time-out, and every error of the server's, whichever command of a
// pipeline it is of. If the caller's context ended, the error is that, too.
//
// # Keys and bytes
//
// keys.go says how a key is named. What belongs to one subscription shares one hash tag, and all keys that a script
// touches are among its KEYS. A pending subscription with 400 bytes of data takes about 760 bytes of the server's
// memory once its email has gone, all keys counted: 520 the record, 60 its entries in the index and among the timers,
// 150 the bucket of its mailbox; a test holds it to 780. A site's name of more than 13 bytes adds 16.
//
// The server's own expiry deletes nothing of a record: Due and Lease of timers do, when they meet it after its Expires.
// Until then it is there, sealed, and every call treats it as gone.
//
// # Clocks
//
// Leases, timers, limits and cells go by the server's clock; the order of failures by those of all masters. Whether a
// record has expired is decided by the caller's clock when it is read, and by the server's before it is removed. So a
// clock that is set back brings no removed record back, and one that is set forward removes records early. What was
// taken from a bucket at a time ahead of a clock that was set back counts as taken now.
//
// # What the server must promise
//
// Ready asks every master each time. maxmemory-policy must be noeviction, always. For durability=always, the default,
// appendonly must be yes, appendfsync always and no-appendfsync-on-rewrite no; for everysec, appendonly yes and an
// fsync at least that often; for none, nothing more. A read-only replica is unsafe. If CONFIG is refused, what INFO
// tells is still checked, and the server is unsafe unless durability is none or managed: then its operator promises to
// keep what it acknowledges. Ready also writes a small key by a script, on a Cluster to the master that has its slot: a
// server that is full, cannot write its file or runs no scripts is unsafe, in its own words. So is a shard in which a
// key of another program has the place of one of ours (types.go). What takes a consent back
// (store.Change.EvenIfFull) may use memory beyond maxmemory. Replication is asynchronous: a failover may lose what was
// acknowledged, even with fsync always, unless min-replicas-to-write and min-replicas-max-lag are set on the servers.
package redis
