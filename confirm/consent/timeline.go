package consent

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"
	"time"
)

// Step is one thing that happened to a subscription. What was seen here and what the website says are kept apart: only
// the first is known.
//
// Its fields, and those of what it has, are in the order of their names in JSON: see statement.SortedJSON.
type Step struct {
	Action   StepAction    `json:"action"`
	At       time.Time     `json:"at"`
	Attested *Said         `json:"attested,omitempty"`
	Count    int           `json:"count,omitempty"` // of StepUnanswered: how many signups, the last of them at At
	Email    *StepEmail    `json:"email,omitempty"`
	Purposes []StepPurpose `json:"purposes,omitempty"`
	Receipt  string        `json:"receipt,omitempty"` // its id
	Request  string        `json:"request,omitempty"` // a name for it: its id is half of a link, and is not shown
	Seen     *Seen         `json:"seen,omitempty"`
	Told     *Told         `json:"told,omitempty"`
}

// StepAction is what happened.
type StepAction string

// The actions of steps.
const (
	StepAsked         StepAction = "asked"
	StepRenewed       StepAction = "renewed"
	StepUnanswered    StepAction = "unanswered" // signups for which no email was due
	StepQueued        StepAction = "email_queued"
	StepResent        StepAction = "email_resent" // the website asked for it once more
	StepReminded      StepAction = "email_reminder"
	StepNotified      StepAction = "email_notice" // "you confirmed already"
	StepTried         StepAction = "email_tried"
	StepTaken         StepAction = "email_taken"
	StepReported      StepAction = "email_reported" // it did not arrive this time, or because of us
	StepBounced       StepAction = "email_bounced"
	StepConfirmed     StepAction = "confirmed"
	StepDeclined      StepAction = "declined"
	StepObjected      StepAction = "objected" // the person told the website
	StepUnblocked     StepAction = "unblocked"
	StepWithdrawn     StepAction = "withdrawn"
	StepSuperseded    StepAction = "superseded"
	StepRenewalAsked  StepAction = "renewal_asked"  // whether to renew a consent whose validity ends
	StepValidityEnded StepAction = "validity_ended" // of a consent
	StepExpired       StepAction = "expired"
	StepUndeliverable StepAction = "undeliverable"
	StepTold          StepAction = "told"
	StepErased        StepAction = "erased"
	StepCopyAsked     StepAction = "copy_asked" // by the link that withdraws
	StepEraseAsked    StepAction = "erase_asked"
	StepCopied        StepAction = "copied" // the person took the copy of their data
)

// StepPurpose is a purpose that a step is about, and the hash of what was put to the person.
type StepPurpose struct {
	ID     string `json:"id"`
	SHA256 string `json:"text_sha256,omitempty"` // of StepObjected, and of a withdrawal of another channel: none
}

// Seen is what optin saw of a step itself.
type Seen struct {
	IP        string        `json:"ip,omitempty"`
	Method    Method        `json:"method,omitempty"`
	Origin    string        `json:"origin,omitempty"`
	PageMade  time.Time     `json:"page_made,omitzero"` // of a button: when its page was made
	Reason    RefusalReason `json:"reason,omitempty"`   // what Reply was taken to mean
	Reply     string        `json:"reply,omitempty"`    // the words of a relay or a mail system
	UserAgent string        `json:"user_agent,omitempty"`
}

// Said is what the website says of a step. optin cannot know whether it is so.
type Said struct {
	At        time.Time         `json:"at,omitzero"`
	Channel   Channel           `json:"channel,omitempty"`
	Form      string            `json:"form,omitempty"`
	IP        string            `json:"ip,omitempty"`
	Method    string            `json:"method,omitempty"`
	Page      string            `json:"page,omitempty"`
	Shown     map[string]string `json:"shown,omitempty"` // by purpose: words that are not ours
	Source    string            `json:"source,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
}

// StepEmail is the email that a step is about.
type StepEmail struct {
	Due       *time.Time `json:"due,omitempty"` // where it had to wait
	ID        string     `json:"id"`            // the left side of its Message-ID
	MessageID string     `json:"message_id,omitempty"`
	SHA256    string     `json:"sha256,omitempty"`
	Skeleton  string     `json:"-"`               // the hash of what it was made of
	Tries     int        `json:"tries,omitempty"` // at which no relay took it
}

// Told is one event that an endpoint of the website took.
type Told struct {
	At       time.Time `json:"-"`
	Endpoint string    `json:"endpoint"` // its host and what tells it from others there; at most 256 bytes
	Event    EventType `json:"event"`
}

// maxTold is how many events are kept that a website was told, the last ones.
const maxTold = 64

// Notified is an endpoint's acceptance of an event about a person who is still known.
type Notified struct {
	Event    EventType
	Endpoint string
}

func (a Notified) apply(s *edit, now time.Time) (effects, error) {
	told := Told{At: now, Event: a.Event, Endpoint: a.Endpoint}
	if s.Address.IsZero() || len(s.Told) > 0 && s.Told[len(s.Told)-1] == told {
		return effects{}, nil
	}
	s.Told = slices.Concat(s.Told[max(0, len(s.Told)-maxTold+1):], []Told{told})
	s.touch()
	return effects{}, nil
}

// Timeline returns everything that is known to have happened, oldest first. emailID names the n-th email of a request,
// or of a signup that led to a notice.
func (s *Subscription) Timeline(emailID func(request string, n int) string) []Step {
	t := timeline{emailID: emailID}
	for i := range s.Requests {
		t.request(&s.Requests[i], s.Consents)
	}
	for i := range s.Consents {
		t.ended(&s.Consents[i])
	}
	for _, r := range s.Refusals {
		t.add(StepDeclined, "", &r.Declined)
		if r.Unblocked != nil {
			t.add(StepUnblocked, "", r.Unblocked)
		}
	}
	for i := range s.Objections {
		t.objection(&s.Objections[i])
	}
	for _, n := range s.Notices {
		t.add(StepAsked, n.ID, &n.Asked)
		t.email(n.ID, 0, &n.Email, StepNotified)
	}
	for i := range s.Claims {
		t.claim(&s.Claims[i])
	}
	if u := s.Unanswered; u.N > 0 {
		t.steps = append(t.steps, Step{At: u.Last, Action: StepUnanswered, Count: u.N})
	}
	for _, told := range s.Told {
		t.steps = append(t.steps, Step{At: told.At, Action: StepTold, Told: &told})
	}
	if !s.WithdrawnAt.IsZero() {
		t.steps = append(t.steps, Step{At: s.WithdrawnAt, Action: StepWithdrawn})
	}
	if s.isBare() && !s.HistorySince.IsZero() {
		t.steps = append(t.steps, Step{At: s.HistorySince, Action: StepErased})
	}
	sort.SliceStable(t.steps, func(i, j int) bool {
		a, b := &t.steps[i], &t.steps[j]
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rankOf(a.Action), rankOf(b.Action))) < 0
	})
	return t.steps
}

// rankOf orders what happened in one millisecond: what leads to something comes before it.
func rankOf(a StepAction) int {
	switch a {
	case StepAsked, StepRenewed, StepRenewalAsked, StepCopyAsked, StepEraseAsked:
		return 0
	case StepTold, StepErased:
		return 2
	}
	return 1
}

// timeline gathers steps.
type timeline struct {
	emailID func(request string, n int) string
	steps   []Step
}

// add adds a step of an action, or finds the one that it is a part of: an action that ends several consents is one.
func (t *timeline) add(a StepAction, request string, e *Evidence) *Step {
	step := Step{At: e.At, Action: a, Request: requestName(request), Seen: e.seen(), Attested: e.said()}
	for i := range t.steps {
		o := &t.steps[i]
		sameRequest := o.Request == step.Request || o.Request == "" || step.Request == ""
		same := o.Action == a && o.At.Equal(e.At) && sameRequest
		switch a {
		case StepWithdrawn, StepDeclined, StepObjected, StepUnblocked, StepSuperseded, StepValidityEnded:
			if same {
				return o
			}
		}
	}
	t.steps = append(t.steps, step)
	return &t.steps[len(t.steps)-1]
}

func (t *timeline) request(r *Request, consents Consents) {
	known := func(o Step) bool { return o.Action == StepAsked && o.At.Equal(r.Asked.At) }
	if r.Renewed == nil || !slices.ContainsFunc(t.steps, known) { // a renewed one has the evidence of the first signup
		t.add(StepAsked, r.ID, &r.Asked).about(r.Statements...)
	}
	if r.Renewed != nil {
		renewed := StepRenewed
		if r.IsRenewal() {
			renewed = StepRenewalAsked
		}
		t.add(renewed, r.ID, r.Renewed).about(r.Statements...)
	}
	for n := range r.Emails {
		e := &r.Emails[n]
		how := map[Reason]StepAction{ReasonResend: StepResent, ReasonReminder: StepReminded}[e.Reason]
		t.email(r.ID, n, e, cmp.Or(how, StepQueued))
	}
	if r.Closed == nil {
		return
	}
	closed := map[State]StepAction{
		Confirmed: StepConfirmed, Declined: StepDeclined, Withdrawn: StepWithdrawn, Expired: StepExpired,
		Undeliverable: StepUndeliverable,
	}[r.State]
	if whyOf(r.State, r.Closed) == ReasonObjected {
		closed = StepObjected
	}
	step := t.add(closed, r.ID, r.Closed)
	if r.Receipt != nil {
		step.Receipt = r.Receipt.ID
	}
	for _, st := range r.Statements {
		if r.State != Confirmed || consents.from(r.ID, st.Purpose) {
			step.about(st)
		}
	}
}

func (t *timeline) email(request string, n int, e *Email, queued StepAction) {
	about := StepEmail{ID: t.emailID(request, n)}
	add := func(at time.Time, a StepAction) *Step {
		t.steps = append(t.steps, Step{At: at, Action: a, Request: requestName(request)})
		step := &t.steps[len(t.steps)-1]
		own := about
		step.Email = &own
		return step
	}
	step := add(e.Queued, queued)
	if !e.Due.Equal(e.Queued) {
		step.Email.Due = &e.Due
	}
	for _, a := range e.Answers {
		action, how := StepTried, ByRelay
		if e.Taken != nil && a.At.After(e.Taken.At) {
			action, how = StepReported, ByReport
		}
		add(a.At, action).Seen = &Seen{Method: how, Reply: a.Reply, Reason: a.Reason}
	}
	if d := e.Taken; d != nil {
		step := add(d.At, StepTaken)
		step.Seen = &Seen{Method: ByRelay, Reply: d.Reply}
		step.Email.Tries, step.Email.SHA256, step.Email.Skeleton = e.Tries, d.SHA256, d.Skeleton
	}
	if e.Bounced != nil {
		step := add(e.Bounced.At, StepBounced)
		step.Seen, step.Attested = e.Bounced.seen(), e.Bounced.said()
	}
}

// ended adds how a consent ended.
func (t *timeline) ended(c *Consent) {
	if before := c.endedBefore(); before != nil {
		t.add(expiredBy(before), "", before).about(c.Statement)
	}
	if c.Ended == nil || c.Ended.How == ByRenewal { // a confirmation tells of that
		return
	}
	how := map[State]StepAction{Withdrawn: StepWithdrawn, Declined: StepDeclined, Expired: expiredBy(c.Ended)}[c.State]
	if whyOf(c.State, c.Ended) == ReasonObjected {
		how = StepObjected
	}
	t.add(how, "", c.Ended).about(c.Statement)
}

// expiredBy returns the step of a consent that ended though nobody took it back.
func expiredBy(e *Evidence) StepAction {
	if e.How == ByValidity {
		return StepValidityEnded
	}
	return StepSuperseded
}

// objection adds an objection, or a withdrawal of another channel, and its end. It is about purposes, and no words.
func (t *timeline) objection(o *Objection) {
	action := StepObjected
	if o.isWithdrawal() {
		action = StepWithdrawn
	}
	step := t.add(action, "", &o.Evidence)
	for _, id := range o.Purposes {
		step.about(Statement{Purpose: id})
	}
	if o.Unblocked != nil {
		t.add(StepUnblocked, "", o.Unblocked)
	}
}

// about adds what a step is about, each purpose once.
func (s *Step) about(statements ...Statement) {
	for _, st := range statements {
		if slices.ContainsFunc(s.Purposes, func(p StepPurpose) bool { return p.ID == st.Purpose }) {
			continue
		}
		s.Purposes = append(s.Purposes, StepPurpose{st.Purpose, st.SHA256})
		if st.Shown == "" || s.Action != StepAsked && s.Action != StepRenewed {
			continue
		}
		if s.Attested == nil {
			s.Attested = &Said{}
		}
		if s.Attested.Shown == nil {
			s.Attested.Shown = map[string]string{}
		}
		s.Attested.Shown[st.Purpose] = st.Shown
	}
}

// requestName returns a name for a request that says nothing of its id.
func requestName(id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("request " + id))
	return hex.EncodeToString(sum[:4])
}

// seen returns what evidence holds that was seen here; nil if that is nothing.
func (e *Evidence) seen() *Seen {
	seen := Seen{
		Method: e.How, IP: e.IP, UserAgent: e.UserAgent, Origin: e.Origin, PageMade: e.PageMade, Reply: e.Reply,
	}
	if seen == (Seen{}) {
		return nil
	}
	return &seen
}

// said returns what evidence holds that is the website's word; nil if that is nothing.
func (e *Evidence) said() *Said {
	said := Said{Source: e.Source, Form: e.Form, Channel: e.Channel, Method: e.Detail}
	if a := e.Attested; a != nil {
		said.IP, said.UserAgent, said.Page, said.At = a.IP, a.UserAgent, a.Page, a.At
	} else if said.Source+said.Form+string(said.Channel)+said.Method == "" {
		return nil
	}
	return &said
}
