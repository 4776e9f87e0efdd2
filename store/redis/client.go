package redis

import (
	"crypto/tls"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connect makes the client for a target; it connects when it is first asked something.
func connect(t target, o Options) goredis.UniversalClient {
	// The client writes to the process's standard error by a logger of its own, which it has one of for all. What it
	// would say there comes back in our errors.
	logging.Disable()

	attempt := o.Budget * 4 / 9 // so that a second attempt fits into the budget, on a connection of its own
	u := goredis.UniversalOptions{
		Addrs: t.addrs, DB: t.db, MasterName: t.master,
		Username: t.user, Password: t.password, SentinelPassword: t.sentinelPassword,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: attempt, ReadTimeout: attempt, WriteTimeout: attempt, PoolTimeout: attempt,
		PoolSize: o.Pool, PipelinePoolSize: -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if t.tls {
		u.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			u.TLSConfig = o.TLS.Clone()
		}
	}
	switch t.topology {
	case sentinel:
		return goredis.NewFailoverClient(u.Failover())
	case cluster:
		c := u.Cluster()
		c.DisableRoutingPolicies = true // every command of ours names its key
		return goredis.NewClusterClient(c)
	}
	return goredis.NewClient(u.Simple())
}

// once is a command that the client must not repeat by itself: a Cluster client would, whatever MaxRetries says. It
// still follows a redirection.
type once struct{ *goredis.Cmd }

func (once) NoRetry() bool { return true }
