package redis

import (
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	_ "embed"
	"encoding/hex"
)

// script is one Lua script. Its first argument is always "again": "1" if an earlier attempt may have run.
type script struct {
	body string
	sha  string
}

func newScript(parts ...string) script {
	var body string
	for _, p := range parts {
		body += p
	}
	sum := sha1.Sum([]byte(body)) // #nosec G401 -- Redis names scripts by it
	return script{body: body, sha: hex.EncodeToString(sum[:])}
}

var (
	//go:embed lua/value.lua
	luaValue string
	//go:embed lua/settling.lua
	luaSettling string
	//go:embed lua/commit.lua
	luaCommit string
	//go:embed lua/extend.lua
	luaExtend string
	//go:embed lua/settle.lua
	luaSettle string
	//go:embed lua/peek.lua
	luaPeek string
	//go:embed lua/lease.lua
	luaLease string
	//go:embed lua/take.lua
	luaTake string
	//go:embed lua/list.lua
	luaList string
	//go:embed lua/sweep.lua
	luaSweep string
)

var (
	commitScript = newScript(luaValue, luaSettling, luaCommit)
	extendScript = newScript(luaValue, luaExtend)
	settleScript = newScript(luaValue, luaSettling, luaSettle)
	peekScript   = newScript(luaValue, luaPeek)
	leaseScript  = newScript(luaValue, luaLease)
	takeScript   = newScript(luaTake)
	listScript   = newScript(luaList)
	sweepScript  = newScript(luaValue, luaSweep)
)

func scripts() []script {
	return []script{commitScript, extendScript, settleScript, peekScript, leaseScript, takeScript, listScript, sweepScript}
}
