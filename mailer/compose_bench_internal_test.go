package mailer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"testing"
)

// BenchmarkCompose measures what an email costs before it is handed over. "skeleton" is what the first of its kind
// costs.
func BenchmarkCompose(b *testing.B) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	msg := confirmMessage(b)
	for name, keys := range map[string][]DKIM{
		"unsigned": nil,
		"rsa":      {{Domain: "gazette.example", Selector: "r", Key: rsaKey}},
		"ed25519":  {{Domain: "gazette.example", Selector: "e", Key: edKey}},
	} {
		m := composer(b, func(o *Options) { o.DKIM = keys })
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				msg.ID = "job"
				if _, err := m.compose(&msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("skeleton", func(b *testing.B) {
		m := composer(b)
		b.ReportAllocs()
		for b.Loop() {
			m.skeletons = skeletons{}
			msg.ID = "job"
			if _, err := m.compose(&msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}
