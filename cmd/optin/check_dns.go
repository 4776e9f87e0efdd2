package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/preflight"
)

// questions are what DNS is asked about a configuration.
func questions(cfg *config.Config, resolver *net.Resolver) preflight.Options {
	o := preflight.Options{Resolver: resolver, Public: cfg.PublicURL.Hostname()}
	for _, s := range cfg.Sites {
		sender := preflight.Sender{Domain: domainOf(s.From.Address), Bounce: s.BounceDomain}
		if s.ReplyTo != nil {
			sender.Reply = domainOf(s.ReplyTo.Address)
		}
		same := func(o preflight.Sender) bool {
			return o.Domain == sender.Domain && o.Bounce == sender.Bounce && o.Reply == sender.Reply
		}
		i := slices.IndexFunc(o.Senders, same)
		if i < 0 {
			i, o.Senders = len(o.Senders), append(o.Senders, sender)
		}
		o.Senders[i].Sites = append(o.Senders[i].Sites, s.ID)
	}
	for _, d := range cfg.SMTP.DKIM {
		o.Keys = append(o.Keys, preflight.DKIMKey{Domain: d.Domain, Selector: d.Selector, Public: d.Key.Public()})
	}
	for _, r := range cfg.SMTP.Relays {
		o.Relays = append(o.Relays, preflight.Relay{Host: r.Host, Port: r.Port, TLS: preflight.TLS(r.TLS)})
	}
	return o
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// levels are the words for how much a finding matters, as the other lines have them.
func levels() map[preflight.Level]string {
	return map[preflight.Level]string{preflight.OK: "ok", preflight.Warn: "mind", preflight.Wrong: "WRONG", preflight.Unknown: "?"}
}

// preflight prints what DNS and the relays said, each with what mends it. What could not be asked is no failure.
func (f *findings) preflight(all []preflight.Finding) {
	for _, x := range all {
		if x.Level == preflight.Wrong {
			f.wrong++
		}
		fmt.Fprintf(f.out, "%-6s %-14s %s\n       %s\n", levels()[x.Level], x.Check, x.About, x.What)
		for _, line := range x.Fix {
			fmt.Fprintf(f.out, "         %s\n", line)
		}
	}
}
