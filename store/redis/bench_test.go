package redis

import (
	"bytes"
	"context"
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// BenchmarkSignup commits signups, so many callers at a time, and reports how much of the processors this process and
// the server take. Its floor is a plain client that runs one script that writes the same rows, unchecked.
func BenchmarkSignup(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d", callers), func(b *testing.B) {
			server := startServer(b)
			s, err := Open(b.Context(), Options{Location: at(server.url()), Budget: 10 * time.Second})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			atATime(b, server, callers, func(ctx context.Context, i int) error {
				return s.Update(ctx, key(i), signup(i))
			})
		})
		b.Run(fmt.Sprintf("%d/Floor", callers), func(b *testing.B) {
			server := startServer(b)
			c := goredis.NewClient(&goredis.Options{Addr: server.addr(), PoolSize: callers})
			defer c.Close()
			sum := sha1.Sum([]byte(floor)) // #nosec G401 -- Redis names scripts by it
			if err := c.ScriptLoad(b.Context(), floor).Err(); err != nil {
				b.Fatal(err)
			}
			atATime(b, server, callers, func(ctx context.Context, i int) error {
				return c.EvalSha(ctx, hex.EncodeToString(sum[:]), []string{
					"record:" + key(i).ID, "index", "timers", "queue", "bodies", "counts", "mailbox:" + key(i).ID,
					fmt.Sprint("ip:", i/9%100), fmt.Sprint("network:", i/90%100), "site", "service",
				}, make([]byte, 400), key(i).ID, time.Now().UnixMilli(), make([]byte, 60)).Err()
			})
		})
	}
}

const floor = `
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2592000000)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3] + 86400000, ARGV[2])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[2])
redis.call('HSET', KEYS[5], ARGV[2], ARGV[4])
redis.call('HINCRBY', KEYS[6], 'signup', 1)
redis.call('HINCRBY', KEYS[6], 'signup/form', 1)
redis.call('HINCRBY', KEYS[6], 'email', 1)
for i = 7, 11 do
  redis.call('INCR', KEYS[i])
  redis.call('PEXPIRE', KEYS[i], 60000)
end
return 1`

func atATime(b *testing.B, server *server, callers int, f func(ctx context.Context, i int) error) {
	var n atomic.Int64
	b.SetParallelism((callers + 1) / 2) // times GOMAXPROCS, 2 here
	ours, theirs := processorTime(b, 0), processorTime(b, server.command.Process.Pid)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(b.Context(), int(n.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "/s")
	b.ReportMetric((processorTime(b, 0)-ours).Seconds()*1e6/float64(b.N), "µs-client/op")
	b.ReportMetric((processorTime(b, server.command.Process.Pid)-theirs).Seconds()*1e6/float64(b.N), "µs-server/op")
}

// processorTime returns what a process has used; 0: this one.
func processorTime(b testing.TB, pid int) time.Duration {
	if pid == 0 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("processor time needs /proc")
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a hundred ticks a second
}
