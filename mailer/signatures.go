package mailer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// RunSignature runs a job of confirm.QueueSignature: it keeps how the emails of a confirmed request were signed. A
// signature follows from the key and the bytes, so it is made again, and kept only if it gives the hash of what was sent.
// It does not where the key was changed between the email and its confirmation: then the signature is lost, and the hash
// alone is kept.
func (m *Mailer) RunSignature(ctx context.Context, job store.Job) outbox.Result {
	sent, err := m.Service.Relay.SentFor(ctx, job)
	if err != nil {
		return result(false, storeError(job, err))
	}
	signatures := map[int]string{}
	for n, s := range sent {
		signature, ok := m.signAgain(s)
		if !ok {
			m.Log.WarnContext(ctx, "the signature of an email cannot be made again, and is not kept",
				slog.String("site", job.Key.Site), slog.String("job", s.JobID))
			continue
		}
		signatures[n] = signature
	}
	if err := m.Service.Relay.Signed(ctx, job, signatures); err != nil {
		return result(false, storeError(job, err))
	}
	return outbox.Ended()
}

// signAgain returns the signature fields of an email, and whether they are those that it was sent with.
func (m *Mailer) signAgain(s confirm.Sent) (string, bool) {
	raw, err := Rebuild(s.Skeleton, s.JobID, s.Message)
	if err != nil {
		return "", false
	}
	signature, err := m.sign(m.Sites[s.Message.Site].fromDomain(), s.Message.Date, raw)
	if err != nil {
		return "", false
	}
	sum := sha256.New()
	sum.Write([]byte(signature))
	sum.Write(raw)
	return signature, hex.EncodeToString(sum.Sum(nil)) == s.Delivery.SHA256
}
