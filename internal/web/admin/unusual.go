package admin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/templates/dashboard"
)

// What is unusual.
const (
	stuckRead  = 200 // of those who signed up last, to see whether emails to one domain are stuck
	stuckFrom  = 3   // people at one domain
	risingFrom = 10  // signups, before a rate is taken for one
)

// unusual returns what is not as it should be, the worst first, and what to do about it.
func (n *Now) unusual(
	ctx context.Context, page dashboard.Overview, f *flow,
) ([]dashboard.Unusual, error) {
	all := slices.Concat(
		ofStore(page.Store), ofRelays(page), ofLights(page.Lights), f.unusual(), n.surges(ctx), n.preticked(),
	)
	stuck, err := n.stuckDomains(ctx)
	return append(all, stuck...), err
}

func ofStore(s dashboard.Store) []dashboard.Unusual {
	switch {
	case s.Unreachable:
		return []dashboard.Unusual{{
			What: "The store cannot be reached.",
			Do:   "Start it again, or let the processes reach it. Signups are refused until then.",
		}}
	case s.Fault != "":
		return []dashboard.Unusual{{What: "The store is unsafe: " + s.Fault + ".", Do: "Below is what mends it."}}
	}
	return nil
}

func ofRelays(page dashboard.Overview) (all []dashboard.Unusual) {
	for _, r := range page.Relays {
		if !r.PausedSince.IsZero() {
			all = append(all, dashboard.Unusual{
				What: fmt.Sprintf("The relay %s has been paused for %s.", r.Address,
					since(page.Now, r.PausedSince)),
				Do: remedy(r.Words, "Look at its own log, and at ours under “relay paused”, for its words. Its emails "+
					"wait, and leave by themselves."),
			})
		}
		if r.Refused > 0 {
			all = append(all, dashboard.Unusual{
				What: fmt.Sprintf("The relay %s refuses us for %s.", r.Address, dashboard.Count(r.Refused, "domain")),
				Do: remedy(r.Words, "It objects to us and not to the people: check SPF, DKIM and its terms with "+
					"optin check. The log says why, under “relay refuses us”."),
				Path: PendingPath + "?answer=sender",
			})
		}
	}
	return all
}

// remedies are what to do where the words of a refusal name what they object to.
func remedies() [][2]string {
	const login = "The relay wants another login: check smtp.url, its user and password, and run optin check."
	return [][2]string{
		{"dkim", "Our DKIM signature is wrong or missing: run optin check, and publish the DNS record that it shows " +
			"for the key under smtp.dkim, or give the site's domain a key."},
		{"dmarc", "The domain of the sender asks for what we do not fulfil (DMARC): run optin check, and mend DKIM " +
			"and SPF as it says."},
		{"spf", "SPF does not allow the relay to send for the domain: run optin check, and put the relay into the " +
			"SPF record."},
		{"block", "A block list has the relay's IP, or the mail system does: ask it to take you off, by the page " +
			"that its words name."},
		{"reputation", "The mail system does not trust the relay's IP yet: ask its postmaster, and send less " +
			"at first."},
		{"authentication", login}, {"password", login},
		{"certificate", "Its certificate is not accepted: renew it, or connect to the name that it is for."},
		{"connection refused", "Nothing listens there: start the relay, or correct smtp.url."},
		{"greylist", "It wants to see us twice: nothing is to be done, and the emails leave by themselves."},
	}
}

// remedy returns what to do about a refusal, with its words; without any that name more, what is to be done otherwise.
func remedy(words, otherwise string) string {
	if words == "" {
		return otherwise
	}
	said, do := strings.ToLower(words), otherwise
	for _, r := range remedies() {
		if strings.Contains(said, r[0]) {
			do = r[1]
			break
		}
	}
	return do + inItsWords(words)
}

// inItsWords is a sentence with what a relay or an endpoint said.
func inItsWords(words string) string {
	return " In its own words: “" + strings.TrimSuffix(shorten(words), ".") + "”."
}

func ofLights(lights []dashboard.Light) (all []dashboard.Unusual) {
	for _, l := range lights {
		if l.Light == "bad" {
			all = append(all, dashboard.Unusual{What: l.Name + ": " + l.Word + ".", Do: l.Says, Path: l.Path})
		}
	}
	return all
}

// unusual returns what is unusual of the numbers of a period.
func (f *flow) unusual() (all []dashboard.Unusual) {
	if f.now.Signups < risingFrom {
		return nil
	}
	if f.now.Emails == 0 {
		all = append(all, dashboard.Unusual{
			What: "No email has left, though people sign up.", Do: "Look at the relays, and run optin check.",
		})
	}
	rises := func(now, before int64) bool { // as rates: to double, against as many signups
		return now >= 5 && now*max(f.before.Signups, 1) > 2*before*f.now.Signups
	}
	if rises(f.now.Declines, f.before.Declines) {
		all = append(all, dashboard.Unusual{
			What: "More people than before say “this was not me”.",
			Do: "Somebody may be signing strangers up: require a challenge (sites[].challenge), and look at which " +
				"form they come from.",
		})
	}
	if rises(f.now.Undeliverable, f.before.Undeliverable) {
		all = append(all, dashboard.Unusual{
			What: "More addresses than before take no email.",
			Do:   "A form may be filled in by robots, or a provider refuses us: look at the words of the refusals.",
		})
	}
	return all
}

// surges returns the sites at which a surge of signups needs a challenge.
func (n *Now) surges(ctx context.Context) (all []dashboard.Unusual) {
	for _, s := range n.Sites {
		if n.Surging == nil {
			return nil
		}
		if surging, err := n.Surging(ctx, s.ID); err == nil && surging {
			all = append(all, dashboard.Unusual{
				What: "Far more people than usual sign up at " + s.Name + ".",
				Do: "Its form asks for a proof of work until that ends. If it is no campaign of yours, somebody " +
					"abuses the form.",
				Path: PendingPath + "?site=" + s.ID,
			})
		}
	}
	return all
}

// preticked returns the sites whose forms come with a box that is ticked beforehand.
func (n *Now) preticked() (all []dashboard.Unusual) {
	for _, s := range n.Sites {
		if n.Refusals == nil {
			return nil
		}
		if times := n.Refusals.Count(s.ID, string(problem.ConsentPreticked)); times > 0 {
			all = append(all, dashboard.Unusual{
				What: fmt.Sprintf("A form of %s comes with a box that is ticked beforehand: %s refused within "+
					"the hour.", s.Name, dashboard.Count(times, "signup")),
				Do: "That is no consent (GDPR, recital 32): the website is to leave the box unticked. Nobody can " +
					"sign up with that form until then.",
			})
		}
	}
	return all
}

// stuckDomains returns the domains whose emails no relay takes, among those who signed up last.
func (n *Now) stuckDomains(ctx context.Context) (all []dashboard.Unusual, err error) {
	q := n.limit(filter{answer: string(confirm.DeliveryRefused)}).query()
	q.Limit = stuckRead
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
			all = append(all, dashboard.Unusual{
				What: fmt.Sprintf("Emails to %s are stuck: %s wait.", domain, dashboard.Count(len(people), "person")),
				Do: remedy(wordsOf(people[0]), dashboard.DeliveryInWords(string(people[0].Delivery()))+
					". They are tried again by themselves; once the cause is gone, Emails tries them at once."),
				Path: EmailsPath + "?answer=refused&domain=" + domain,
			})
		}
	}
	return all, err
}
