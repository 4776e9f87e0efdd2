package redis

import (
	"crypto/tls"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connect returns the client for a location. It connects with the first command.
func connect(o Options) goredis.UniversalClient {
	// The client has one logger for all, which writes to the process's standard error. Our errors say the same.
	logging.Disable()

	attempt := o.Budget * 4 / 9 // so that a second attempt fits into the budget, on a connection of its own
	l := o.Location
	u := goredis.UniversalOptions{
		Addrs: l.Hosts, DB: l.Database, MasterName: l.Master,
		Username: l.User, Password: l.Password, SentinelPassword: l.SentinelPassword,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: attempt, ReadTimeout: attempt, WriteTimeout: attempt, PoolTimeout: attempt,
		PoolSize: o.Pool, PipelinePoolSize: -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if l.TLS() {
		u.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			u.TLSConfig = o.TLS.Clone()
		}
	}
	switch {
	case l.Sentinel():
		return goredis.NewFailoverClient(u.Failover())
	case l.Cluster():
		c := u.Cluster()
		c.DisableRoutingPolicies = true // each of our commands names its key
		return goredis.NewClusterClient(c)
	}
	return goredis.NewClient(u.Simple())
}
