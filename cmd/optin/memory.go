package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/optin/optin/store"
)

// Little of what a service allocates stays live, so Go by itself collects garbage every few MiB. A service lets more
// pile up while it is small; with much that is live it collects as often as Go does by itself. Figures are in
// docs/measurements.md.
const (
	garbagePercent = 400 // of what is live, while there is room below the goal
	memoryEvery    = time.Second

	// Goals are bytes that the Go runtime holds. The program's text is not in it, and neither is SQLite's memory.
	goalWithSQLite = 26 << 20
	goalWithRedis  = 40 << 20
)

// memoryGoal returns how much the runtime may hold without collecting more often, by where the records are.
func memoryGoal(at store.Location) int64 {
	if at.Scheme == "sqlite" {
		return goalWithSQLite
	}
	return goalWithRedis
}

// tuneMemory sets when garbage is collected, until ctx ends. It leaves that to the environment where GOGC or GOMEMLIMIT
// is set.
func tuneMemory(ctx context.Context, env func(string) (string, bool), goal int64) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := env(name); set {
			return
		}
	}
	percent := debug.SetGCPercent(garbagePercent)
	defer debug.SetGCPercent(percent)
	limit := debug.SetMemoryLimit(goal)
	defer debug.SetMemoryLimit(limit)
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for last := goal; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		live, other := memoryInUse()
		if next := memoryLimit(goal, live, other); next != last {
			debug.SetMemoryLimit(next)
			last = next
		}
	}
}

// memoryLimit returns the soft limit on what the runtime holds: the goal or, where that is too little, what it would
// come to with GOGC=100, in steps of 4 MiB. A fixed limit would have it collect all the time once that much is live.
func memoryLimit(goal, live, other int64) int64 {
	const step = 4 << 20
	return max(goal, (2*live+other+step-1)/step*step)
}

// memoryInUse returns how much of the heap was live at the end of the last cycle, and what the runtime holds beside the
// heap, such as stacks.
func memoryInUse() (live, other int64) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"},
		// What of the total is the heap, or given back to the system:
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	other = int64(samples[1].Value.Uint64())
	for _, heap := range samples[2:] {
		other -= int64(heap.Value.Uint64())
	}
	return int64(samples[0].Value.Uint64()), other
}
