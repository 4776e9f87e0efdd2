package admin

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates/dashboard"
)

// filter is what a list of people, or an act on all that match, is about. All of it is in the address of the page.
//
// Within are the sites of an operator who may not see all; empty: all. It is in no address, but comes from the
// session: see limit.
type filter struct {
	site, purpose, domain, age, answer, relay, words string

	within []string
}

// filterOf reads a filter. An age that is no choice of ours means any; whatever else is none matches nobody.
func filterOf(get func(name string) string) filter {
	return filter{
		site: get("site"), purpose: get("purpose"), domain: strings.ToLower(strings.TrimSpace(get("domain"))),
		age: get("age"), answer: get("answer"), relay: get("relay"), words: get("words"),
	}
}

// parseFilter is the reverse of filter.encode. What that does not write is an error, since a filter that is not
// understood would mean more people.
func parseFilter(text string) (filter, error) {
	values, err := url.ParseQuery(text)
	f := filterOf(values.Get)
	isAge := func(a age) bool { return a.word == f.age }
	if err == nil && (f.encode() != values.Encode() || f.age != "" && !slices.ContainsFunc(ages(), isAge)) {
		err = errors.New("admin: no such filter")
	}
	return f, err
}

// values returns what filterOf reads, without what is empty.
func (f filter) values() url.Values {
	all := url.Values{}
	for name, v := range map[string]string{
		"site": f.site, "purpose": f.purpose, "domain": f.domain, "age": f.age, "answer": f.answer, "relay": f.relay,
		"words": f.words,
	} {
		if v != "" {
			all.Set(name, v)
		}
	}
	return all
}

func (f filter) encode() string { return f.values().Encode() }

// keep writes a filter with all that bounds it, for the background. readKept is the reverse.
func (f filter) keep() string {
	all := f.values()
	if len(f.within) > 0 {
		all.Set("within", strings.Join(f.within, ","))
	}
	return all.Encode()
}

func readKept(text string) (filter, error) {
	all, err := url.ParseQuery(text)
	if err != nil {
		return filter{}, err
	}
	within := all.Get("within")
	all.Del("within")
	f, err := parseFilter(all.Encode())
	if within != "" {
		f.within = strings.Split(within, ",")
	}
	return f, err
}

// sites returns those that are meant; empty: all.
func (f filter) sites() []string {
	if f.site != "" {
		return []string{f.site}
	}
	return f.within
}

// query returns what the store and the records are asked for. The rest of the filter is matches.
func (f filter) query() confirm.PendingQuery {
	q := confirm.PendingQuery{
		Sites: f.sites(), Purpose: f.purpose, Domain: domainOf(f.domain), Delivery: confirm.DeliveryState(f.answer),
	}
	if f.answer == answerUndeliverable {
		q.Undeliverable, q.Delivery = true, ""
	}
	for _, a := range ages() {
		if a.word == f.age {
			q.Age = a.least
		}
	}
	return q
}

// answerUndeliverable is, as an answer, that the address takes no email.
const answerUndeliverable = "undeliverable"

// matches reports whether what query found is meant.
func (f filter) matches(p confirm.Pending) bool {
	return (f.relay == "" || f.relay == relayOf(p)) && (f.words == "" || f.words == nameOfWords(normalised(wordsOf(p))))
}

// inWords writes a filter for people; empty: everybody.
func (f filter) inWords() string {
	var all []string
	add := func(before, v string) {
		if v != "" {
			all = append(all, before+v)
		}
	}
	if add("site ", f.site); f.site == "" {
		add("sites ", strings.Join(f.within, " and "))
	}
	add("purpose ", f.purpose)
	add("domain ", f.domain)
	for _, a := range ages() {
		if a.word == f.age {
			add("waiting for ", a.label)
		}
	}
	if f.answer != "" {
		add("", strings.ToLower(dashboard.DeliveryInWords(f.answer)))
	}
	add("relay ", f.relay)
	if f.words != "" {
		add("", "the same words of the relay")
	}
	return strings.Join(all, ", ")
}

// age is a time since which somebody may have been pending.
type age struct {
	word, label string
	least       time.Duration
}

func ages() []age {
	return []age{
		{"10m", "10 minutes or more", 10 * time.Minute}, {"1h", "1 hour or more", time.Hour},
		{"6h", "6 hours or more", 6 * time.Hour}, {"1d", "1 day or more", 24 * time.Hour},
		{"2d", "2 days or more", 48 * time.Hour}, {"7d", "7 days or more", 7 * 24 * time.Hour},
	}
}

// limit returns a filter within what an operator may see. A site that it names must be one of theirs.
func (d *Dashboard) limit(f filter) filter {
	if f.within = nil; d.limited {
		f.within = d.siteIDs()
		if len(f.within) == 0 {
			f.within = []string{"-"} // which no site is called
		}
	}
	return f
}

// siteOptions lists the sites to choose from.
func (d *Dashboard) siteOptions() (all []dashboard.Option) {
	for _, s := range d.Sites {
		all = append(all, dashboard.Option{Value: s.ID, Label: s.Name})
	}
	return all
}

// purposeOptions lists the purposes of all sites to choose from.
func (d *Dashboard) purposeOptions() (all []dashboard.Option) {
	for _, s := range d.Sites {
		of, _ := d.Service.Site(s.ID)
		for _, one := range of.Purposes {
			if !slices.ContainsFunc(all, func(o dashboard.Option) bool { return o.Value == one.ID }) {
				all = append(all, dashboard.Option{Value: one.ID, Label: one.ID})
			}
		}
	}
	return all
}
