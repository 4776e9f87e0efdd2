package templates

import (
	"io"
	"testing"
	"time"
)

func BenchmarkConfirmPage(b *testing.B) {
	s := newSet(b)
	p := Confirm{
		Site:          cannedSite(s),
		Purposes:      cannedPurposes(s, "fr"),
		Asked:         cannedAsked(),
		Deadline:      cannedAsked().Add(48 * time.Hour),
		ConfirmAction: "/c/x",
		DeclineAction: "/c/x/decline",
	}
	for b.Loop() {
		if err := s.Page(io.Discard, "fr", p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConfirmEmail(b *testing.B) {
	s := newSet(b)
	l := cannedEmails(s, "fr")[0].Email
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Email("fr", l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	s := newSet(b)
	for b.Loop() {
		s.Match([]string{"fr", "en"}, "", "en-GB,en;q=0.9,fr;q=0.8,de;q=0.7")
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newSet(b)
	}
}
