package web

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/optin/optin/internal/challenge"
)

const (
	stirFor = 10 * time.Minute // how long a site's page shows its captcha after one was asked for
	heedFor = 30 * time.Second // how long what was heard of a captcha's service is taken for granted

	atOnce = 64 // questions to one service: each is a connection, and anybody can bring one about
)

// probe is a token that no service gave out: whether it is refused tells whether somebody is there.
const probe = "optin-asks-whether-you-are-there"

// pulse is what this replica remembers of a site's captcha.
type pulse struct {
	mu      sync.Mutex
	stirred time.Time // until when the site is taken for restless
	away    bool      // its service gave no verdict
	heeded  time.Time // until when that is taken for granted
	asking  int       // how many questions are not answered yet
}

func (p *pulse) stir(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stirred = now.Add(stirFor)
}

func (p *pulse) look(now time.Time) (stirred, away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.stirred), p.away && now.Before(p.heeded)
}

func (p *pulse) known(now time.Time) (away, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away, now.Before(p.heeded)
}

// begin takes one of the questions that may be asked at once; end gives it back.
func (p *pulse) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking >= atOnce {
		return false
	}
	p.asking++
	return true
}

func (p *pulse) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking--
}

// hear notes whether a service is away, and tells whether that is news.
func (p *pulse) hear(away bool, now time.Time) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.away != away
	p.away, p.heeded = away, now.Add(heedFor)
	return news
}

// captcha is empty if a signup brought a good token of its site's captcha, or says what it lacks; away, if the service gives no verdict:
// then nobody is to blame, and another proof must do. Where the whole service is away its widget brings no tokens either, so that a
// signup without one asks after it now and then. While it is known to be away nobody waits for it.
func (s *Server) captcha(r *http.Request, a *arrival) (c code, away bool, err error) {
	token := a.in.one(a.site.Captcha.Widget().Field)
	away, known := a.site.pulse.known(s.opt.Now())
	if known && (away || token == "") {
		return codeChallengeRequired, away, nil
	}
	if !a.site.pulse.begin() {
		return codeChallengeRequired, true, nil // as good as away
	}
	defer a.site.pulse.end()
	ip := ""
	if from := s.client(r); from.IsValid() && token != "" {
		ip = from.String()
	}
	c = codeChallengeInvalid
	if token == "" {
		c, token = codeChallengeRequired, probe
	}
	said := a.site.Captcha.Verify(r.Context(), token, ip)
	if err := r.Context().Err(); err != nil {
		return c, false, err // whoever gave up, it need not have been the service
	}
	away = errors.Is(said, challenge.ErrUnavailable)
	if news := a.site.pulse.hear(away, s.opt.Now()); news && away {
		s.opt.Log.WarnContext(r.Context(), "the captcha service gives no verdict: a proof of work is asked for in its place",
			slog.String("site", a.site.id), slog.String("error", said.Error()))
	} else if news {
		s.opt.Log.InfoContext(r.Context(), "the captcha service is back", slog.String("site", a.site.id))
	}
	if said == nil && c == codeChallengeInvalid {
		c = ""
	}
	return c, away, nil
}
