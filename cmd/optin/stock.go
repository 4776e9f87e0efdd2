package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// Every process shows what stands in the store, and one of them counts it: the others read what it has put into a cell.
const (
	stockCell  = "metrics stock"
	stockEvery = 15 * time.Second
	stockFor   = 14 * time.Second // so that who counted it finds no cell at its next turn, and counts again
)

// watchStock keeps the metrics of what stands in the store.
func (g *generation) watchStock(ctx context.Context, c *core) {
	tick := time.NewTicker(stockEvery)
	defer tick.Stop()
	for {
		s, err := c.stock(ctx)
		if err != nil {
			s = metrics.Stock{} // old figures would say that all is as it was
		}
		g.metrics.Stock(s)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// counted is what a process has counted for all. What is zero is left out.
type counted struct {
	Pending  map[string]int      `json:"pending"`  // by site
	Queues   map[string][3]int64 `json:"queues"`   // jobs, failed ones, and by how many ms the first is late
	Disabled []string            `json:"disabled"` // queues of endpoints
}

// stock returns what stands in the store, as of some seconds ago.
func (c *core) stock(ctx context.Context) (metrics.Stock, error) {
	value, err := c.store.Get(ctx, stockCell)
	if err == nil && value == nil {
		value, err = c.countForAll(ctx)
	}
	var n counted
	if err == nil {
		err = json.Unmarshal(value, &n)
	}
	if err != nil {
		return metrics.Stock{}, err
	}
	s := metrics.Stock{
		Pending: map[string]int{}, Queues: map[string]metrics.Backlog{}, Hooks: map[string]metrics.Endpoint{},
	}
	for _, site := range c.cfg.Sites {
		s.Pending[site.ID] = n.Pending[site.ID]
		for _, w := range site.Webhooks {
			queue := string(webhook.Queue(site.ID, w.URL.String()))
			s.Hooks[queue] = metrics.Endpoint{
				Site: site.ID, Host: w.URL.Host, Disabled: slices.Contains(n.Disabled, queue),
			}
		}
	}
	for _, queue := range c.queues() {
		label := queueLabel(queue)
		of := n.Queues[label]
		s.Queues[label] = metrics.Backlog{
			Jobs: int(of[0]), Failed: int(of[1]), Late: time.Duration(of[2]) * time.Millisecond,
		}
	}
	return s, nil
}

// countForAll counts, and puts the counts into the cell. If another process was first, it returns what that counted.
func (c *core) countForAll(ctx context.Context) ([]byte, error) {
	n, err := c.count(ctx)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	theirs, err := c.store.SetNX(ctx, stockCell, value, stockFor)
	switch {
	case errors.Is(err, store.ErrInvalid): // too many endpoints have something to say for one cell
		return value, nil
	case theirs != nil:
		return theirs, err
	}
	return value, err
}

func (c *core) count(ctx context.Context) (n counted, err error) {
	n = counted{Pending: map[string]int{}, Queues: map[string][3]int64{}}
	queues := c.queues()
	backlogs, err := c.store.Backlogs(ctx, queues...)
	if err != nil {
		return n, err
	}
	for i, b := range backlogs {
		of := n.Queues[queueLabel(queues[i])]
		of[0], of[1], of[2] = of[0]+int64(b.Jobs), of[1]+int64(b.Failed), max(of[2], b.Late.Milliseconds())
		if of != ([3]int64{}) {
			n.Queues[queueLabel(queues[i])] = of
		}
	}
	for _, site := range c.cfg.Sites {
		pending, err := c.store.InState(ctx, site.ID, string(consent.Pending))
		if err != nil {
			return n, err
		}
		if pending > 0 {
			n.Pending[site.ID] = pending
		}
		for _, w := range site.Webhooks {
			queue := webhook.Queue(site.ID, w.URL.String())
			disabled, err := c.endpoints.Disabled(ctx, queue)
			if err != nil {
				return n, err
			}
			if disabled {
				n.Disabled = append(n.Disabled, string(queue))
			}
		}
	}
	return n, nil
}

// queues returns all queues of this configuration but the one of timers.
func (c *core) queues() []store.QueueName {
	all := append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, confirm.QueueSignature)
	if c.cfg.Log.Path != "" {
		all = append(all, confirm.QueueLog)
	}
	for _, site := range c.cfg.Sites {
		for _, w := range site.Webhooks {
			all = append(all, webhook.Queue(site.ID, w.URL.String()))
		}
	}
	return all
}

// happens lists what the metrics count of what happens to subscriptions.
func happens() []string {
	return []string{
		consent.CountSignups, consent.CountConfirmations, consent.CountDeclines, consent.CountWithdrawals,
		consent.CountObjections, consent.CountExpiries, consent.CountUndeliverable, consent.CountBounces,
		consent.CountComplaints, consent.CountReminders, consent.CountRenewals, consent.CountValidityEnded,
	}
}

// countChange counts a committed change of a subscription in the metrics.
func (g *generation) countChange(ctx context.Context, site string, counts []store.Count) {
	took, confirmed := int64(0), false
	for _, n := range counts {
		switch {
		case n.By != "":
		case slices.Contains(happens(), n.Name):
			g.metrics.Count(site, n.Name, n.N)
			confirmed = confirmed || n.Name == consent.CountConfirmations
		case n.Name == consent.CountSeconds:
			took = n.N
		}
	}
	if confirmed { // a change confirms one request
		g.metrics.Confirmed(site, time.Duration(took)*time.Second, metrics.Source{Request: request.IDOf(ctx)})
	}
}
