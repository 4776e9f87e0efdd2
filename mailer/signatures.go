package mailer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/store"
)

// RunSignature runs a job of confirm.QueueSignature: it keeps how the emails of a confirmed request were signed. A
// signature follows from the key and the bytes, so it is made again, and kept only if it gives the hash of what was
// sent. It does not where the key was changed between the email and its confirmation: then the signature is lost, and
// the hash alone is kept.
func (m *Mailer) RunSignature(ctx context.Context, job store.Job) outbox.Result {
	sent, err := m.Service.Relay.SentFor(ctx, job)
	if err != nil {
		return result(job, false, storeError(job, err))
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
		return result(job, false, storeError(job, err))
	}
	return outbox.Ended()
}

// ErrRebuilt means that what an email is rebuilt to is not what was sent: the secret by which its links were signed is
// no longer listed, or the public URL is another.
var ErrRebuilt = errors.New("mailer: the email cannot be rebuilt: its links were signed under another secret or URL")

// RebuildSent returns the bytes of an email that a relay took, before it was signed; ErrRebuilt. With
// Delivery.Signature before them they are what was sent.
func RebuildSent(s confirm.Sent) ([]byte, error) {
	for _, msg := range s.Messages {
		raw, err := Rebuild(s.Skeleton, msg)
		if sum := sha256.Sum256(raw); err == nil && hex.EncodeToString(sum[:]) == s.Delivery.Unsigned {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%w: email %s", ErrRebuilt, s.JobID)
}

// signAgain returns the signature fields of an email, and whether they are those that it was sent with.
func (m *Mailer) signAgain(s confirm.Sent) (string, bool) {
	raw, err := RebuildSent(s)
	if err != nil {
		return "", false
	}
	said := s.Messages[0]
	signature, err := m.sign(m.Sites[said.Site].fromDomain(), said.Date, raw)
	if err != nil {
		return "", false
	}
	sum := sha256.New()
	sum.Write([]byte(signature))
	sum.Write(raw)
	return signature, hex.EncodeToString(sum.Sum(nil)) == s.Delivery.SHA256
}

// Redacted returns an email that was sent, and the same with the token of each of its links replaced by the token's
// SHA-256 in lower-case hex: a link that works never leaves the service. The first was compared with the hash that was
// kept.
func Redacted(s confirm.Sent) (raw, redacted []byte, err error) {
	for _, msg := range s.Messages {
		raw, err := Rebuild(s.Skeleton, msg)
		if sum := sha256.Sum256(raw); err != nil || hex.EncodeToString(sum[:]) != s.Delivery.Unsigned {
			continue
		}
		for _, link := range []*string{&msg.Confirm, &msg.Decline, &msg.Unsubscribe} {
			if *link != "" {
				base := skeleton.LinkBase(*link)
				sum := sha256.Sum256([]byte((*link)[len(base):]))
				*link = base + hex.EncodeToString(sum[:])
			}
		}
		redacted, err = Rebuild(s.Skeleton, msg)
		return raw, redacted, err
	}
	return nil, nil, fmt.Errorf("%w: email %s", ErrRebuilt, s.JobID)
}
