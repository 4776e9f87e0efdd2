package mailer

import (
	"context"
	"errors"
	"strings"
)

// Mailer sends letters. Its methods may be called from any goroutine.
type Mailer struct {
	Options
	doors   []*door
	domains domains
	notes   notes
	signers map[string][]signer // by the domain of From
}

// New makes a Mailer, or says what is wrong with its options. It connects to nobody.
func New(o Options) (*Mailer, error) {
	o.defaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Mailer{Options: o, notes: notes{now: o.Now}, domains: domains{now: o.Now}, signers: map[string][]signer{}}
	if o.Connections > 0 {
		m.domains.most = max(1, o.Connections/2)
	}
	for _, site := range o.Sites {
		m.signers[site.domain()] = o.signers(site.domain())
	}
	for _, u := range o.Relays {
		r, err := parseRelay(o, u)
		if err != nil {
			return nil, err
		}
		m.doors = append(m.doors, &door{
			relay: r, pool: &pool{idle: o.Idle, most: o.Connections}, now: o.Now, log: o.Log, alarm: o.Alarm, senders: map[string]*pause{},
		})
	}
	return m, nil
}

// Check says whether every relay would take letters: it dials, greets, starts TLS, authenticates as configured, and quits. The error
// names the step, the reply's code and the relay's words; of several relays, which one.
func (m *Mailer) Check(ctx context.Context) error {
	var failed []string
	for _, d := range m.doors {
		err := d.check(ctx, m.Dial+m.Session)
		switch {
		case err == nil:
		case len(m.doors) == 1:
			return err
		default:
			failed = append(failed, d.addr()+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// Close quits the connections that are kept open. Those in use are quit when they are done. Closing again does nothing.
func (m *Mailer) Close() error {
	for _, d := range m.doors {
		d.pool.close()
	}
	return nil
}
