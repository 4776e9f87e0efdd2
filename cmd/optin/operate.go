package main

import (
	"context"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

// forSites is a call about one site or all, on the store.
type forSites struct {
	*call
	*core
	pages *templates.Set
	sites []config.Site
}

// ofSites adds the flag of the site; without it, the call is about all.
func (c *call) ofSites() *call {
	c.flags.StringVar(&c.site, "site", "", "the `id` of the site; all if left out")
	return c
}

// openSites opens the store of a call about one site or all. If it is nil, the command ends with the code.
func (c *call) openSites(ctx context.Context) (*forSites, int) {
	cfg, pages, sites, err := siteConfig(c.config, c.site, c.env)
	if err != nil {
		return nil, c.badConfig(err)
	}
	on := &forSites{call: c, pages: pages, sites: sites}
	if on.core, err = openCore(ctx, cfg); err != nil {
		return nil, c.fail(exitFailed, err)
	}
	return on, exitOK
}

func (on *forSites) ids() (all []string) {
	for _, s := range on.sites {
		all = append(all, s.ID)
	}
	return all
}
