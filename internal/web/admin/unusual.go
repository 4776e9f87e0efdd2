package admin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

// What is unusual.
const (
	stuckRead  = 200 // of those who signed up last, to see whether emails to one domain are stuck
	stuckFrom  = 3   // people at one domain
	risingFrom = 10  // signups, before a rate is taken for one
)

// unusual returns what is not as it should be, the worst first, and what to do about it.
func (n *Now) unusual(
	ctx context.Context, page templates.AdminOverview, f *flow,
) ([]templates.AdminUnusual, error) {
	all := slices.Concat(ofStore(page.Store), ofRelays(page), ofLights(page.Lights), f.unusual(), n.surges(ctx))
	stuck, err := n.stuckDomains(ctx)
	return append(all, stuck...), err
}

func ofStore(s templates.AdminStore) []templates.AdminUnusual {
	switch {
	case s.Unreachable:
		return []templates.AdminUnusual{{
			What: "The store cannot be reached.",
			Do:   "Start it again, or let the processes reach it. Signups are refused until then.",
		}}
	case s.Setting != "":
		return []templates.AdminUnusual{{
			What: fmt.Sprintf("The store is unsafe: %s is %s.", s.Setting, s.Have), Do: "Below is what mends it.",
		}}
	}
	return nil
}

func ofRelays(page templates.AdminOverview) (all []templates.AdminUnusual) {
	for _, r := range page.Relays {
		if !r.PausedSince.IsZero() {
			all = append(all, templates.AdminUnusual{
				What: fmt.Sprintf("The relay %s is paused since %s.", r.Address,
					templates.Ago(page.Now, r.PausedSince)),
				Do: "Look at its own log, and at ours under “relay paused”, for its words. Its emails wait, and " +
					"leave by themselves.",
			})
		}
		if r.Refused > 0 {
			all = append(all, templates.AdminUnusual{
				What: fmt.Sprintf("The relay %s refuses us for %s.", r.Address, templates.Count(r.Refused, "domain")),
				Do: "It objects to us and not to the people: check SPF, DKIM and its terms with optin check. The log " +
					"says why, under “relay refuses us”.",
				Path: PendingPath + "?answer=sender",
			})
		}
	}
	return all
}

func ofLights(lights []templates.AdminLight) (all []templates.AdminUnusual) {
	for _, l := range lights {
		if l.Light == "bad" {
			all = append(all, templates.AdminUnusual{What: l.Name + ": " + l.Word + ".", Do: l.Says, Path: l.Path})
		}
	}
	return all
}

// unusual returns what is unusual of the numbers of a period.
func (f *flow) unusual() (all []templates.AdminUnusual) {
	if f.now.Signups < risingFrom {
		return nil
	}
	if f.now.Emails == 0 {
		all = append(all, templates.AdminUnusual{
			What: "No email has left, though people sign up.", Do: "See the relays below, and run optin check.",
		})
	}
	rises := func(now, before int64) bool { // as rates: to double, against as many signups
		return now >= 5 && now*max(f.before.Signups, 1) > 2*before*f.now.Signups
	}
	if rises(f.now.Declines, f.before.Declines) {
		all = append(all, templates.AdminUnusual{
			What: "More people than before say “this was not me”.",
			Do: "Somebody may be signing strangers up: require a challenge (sites[].challenge), and look at which " +
				"form they come from.",
		})
	}
	if rises(f.now.Undeliverable, f.before.Undeliverable) {
		all = append(all, templates.AdminUnusual{
			What: "More addresses than before take no email.",
			Do:   "A form may be filled in by robots, or a provider refuses us: look at the words of the refusals.",
		})
	}
	return all
}

// surges returns the sites at which a surge of signups needs a challenge.
func (n *Now) surges(ctx context.Context) (all []templates.AdminUnusual) {
	for _, s := range n.Sites {
		if n.Surging == nil {
			return nil
		}
		if surging, err := n.Surging(ctx, s.ID); err == nil && surging {
			all = append(all, templates.AdminUnusual{
				What: "Far more people than usual sign up at " + s.Name + ".",
				Do: "Its form asks for a proof of work until that ends. If it is no campaign of yours, somebody " +
					"abuses the form.",
				Path: PendingPath + "?site=" + s.ID,
			})
		}
	}
	return all
}

// stuckDomains returns the domains whose emails no relay takes, among those who signed up last.
func (n *Now) stuckDomains(ctx context.Context) (all []templates.AdminUnusual, err error) {
	q := confirm.PendingQuery{Delivery: confirm.DeliveryRefused, Limit: stuckRead}
	found, err := n.Service.Operator.Pending(ctx, q)
	byDomain := map[string][]confirm.Pending{}
	for _, p := range found.All {
		byDomain[p.Address.Domain()] = append(byDomain[p.Address.Domain()], p)
	}
	domains := slices.SortedFunc(maps.Keys(byDomain), func(a, b string) int {
		return cmp.Or(len(byDomain[b])-len(byDomain[a]), cmp.Compare(a, b))
	})
	for _, domain := range domains[:min(3, len(domains))] {
		if people := byDomain[domain]; len(people) >= stuckFrom {
			all = append(all, templates.AdminUnusual{
				What: fmt.Sprintf("Emails to %s are stuck: %s wait.", domain, templates.Count(len(people), "person")),
				Do: templates.DeliveryInWords(string(people[0].Delivery())) + ", in the words of the last answer: “" +
					shorten(people[0].Words) + "”. They are tried again by themselves.",
				Path: PendingPath + "?answer=refused&domain=" + domain,
			})
		}
	}
	return all, err
}
