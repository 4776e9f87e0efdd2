package main

import (
	"context"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestTheMemoryLimitLeavesRoomForWhatIsLive(t *testing.T) {
	for _, row := range []struct{ live, other, want int64 }{
		{2 << 20, 6 << 20, 28 << 20},
		{11 << 20, 6 << 20, 28 << 20},
		{12 << 20, 6 << 20, 32 << 20},
		{100 << 20, 40 << 20, 240 << 20},
		{0, 300 << 20, 300 << 20}, // stacks of very many connections
	} {
		if got := memoryLimit(28<<20, row.live, row.other); got != row.want {
			t.Errorf("%d MiB live, %d other: %d MiB, want %d", row.live>>20, row.other>>20, got>>20, row.want>>20)
		}
	}
	const much = 32 << 20
	kept := make([]byte, much)
	runtime.GC()
	live, other := memoryInUse()
	if live < much || other <= 0 || other > 1<<30 {
		t.Errorf("%d bytes are live, %d are others", live, other)
	}
	runtime.KeepAlive(kept)
}

func TestGarbageCollectionIsSetUnlessTheEnvironmentSaysHow(t *testing.T) {
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := percent()
	for set, want := range map[string]uint64{"": garbagePercent, "GOGC": before, "GOMEMLIMIT": before} {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			tuneMemory(ctx, func(name string) (string, bool) { return "", name == set }, goalWithRedis)
		}()
		if set == "" {
			for end := time.Now().Add(10 * time.Second); percent() != want && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		} else {
			<-done
		}
		if got := percent(); got != want {
			t.Errorf("with %q set: GOGC is %d, want %d", set, got, want)
		}
		stop()
		<-done
		if got := percent(); got != before {
			t.Errorf("afterwards GOGC is %d, want %d", got, before)
		}
	}
}
