package confirm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

// A receipt is signed in the commit of its confirmation, and the record keeps the signature alone: what a receipt says
// follows from the request, the statements and the frame, all of which stay as they were.

// Receipts say how receipts are signed.
type Receipts struct {
	Keys   receipt.Keys // the first signs, all are published
	Schema string       // the profile that receipts name; receipt.DefaultSchema if empty
}

// receipts makes and reads receipts.
type receipts struct {
	keys       receipt.Keys
	ids        *token.ReturnPaths
	frames     map[string]madeStatement // by site
	statements *statements
}

func newReceipts(o Options, of *statements, sites []string) *receipts {
	all := &receipts{o.Receipts.Keys, token.NewReceiptIDs(o.Keyring, sites...), map[string]madeStatement{}, of}
	for _, site := range o.Sites {
		frame := receipt.Frame{Issuer: o.PublicURL.String(), Site: site.URL, Schema: o.Receipts.Schema}
		if frame.Schema == "" {
			frame.Schema = receipt.DefaultSchema
		}
		text, sum := frame.Canonical()
		all.frames[site.ID] = madeStatement{sum: sum, canonical: text}
	}
	return all
}

// keepFrame makes sure that the store has what the receipts of a site have in common, before a record names it.
func (t *receipts) keepFrame(ctx context.Context, site string) error {
	if _, ok := t.keys.Signer(); !ok {
		return nil
	}
	return t.statements.put(ctx, t.frames[site])
}

// sign signs the receipt of a request that was confirmed just now. It asks no store.
func (t *receipts) sign(key store.Key, sub *consent.Subscription, request string) error {
	signer, ok := t.keys.Signer()
	req := sub.Requests.Find(request)
	if !ok || req == nil || req.State != consent.Confirmed || req.Receipt != nil || !sub.Consents.ProvenBy(request) {
		return nil
	}
	made := consent.Receipt{
		ID: t.ids.Make(key, request), Frame: t.frames[key.Site].sum, Key: signer.ID,
	}
	for n, e := range req.Emails {
		if e.Taken != nil {
			made.Emails |= 1 << n
		}
	}
	for _, c := range sub.Consents {
		if c.RequestID == request && !c.ValidUntil.IsZero() {
			made.Validity = c.ValidUntil.Sub(c.Given).Truncate(time.Second)
		}
	}
	signed := *req
	signed.Receipt = &made
	frame, err := receipt.ParseFrame(t.frames[key.Site].canonical)
	if err != nil {
		return err
	}
	facts, err := t.facts(key, sub, &signed)
	if err != nil {
		return err
	}
	if made.Signature, err = signer.Sign(receipt.New(frame, facts)); err == nil {
		req.Receipt = &made
	}
	return err
}

// facts returns what the receipt of a request says. It reads nothing that changes after the confirmation.
func (t *receipts) facts(key store.Key, sub *consent.Subscription, req *consent.Request) (receipt.Facts, error) {
	of := receipt.Facts{
		ID: req.Receipt.ID, Subject: SubjectURN(key), Record: key.ID, Asked: req.Asked.At, Deadline: req.Deadline,
		Given: req.Closed.At,
		Form:  req.Asked.Form, Method: string(req.Asked.How), Confirm: string(req.Closed.How),
		Validity: req.Receipt.Validity, Renewed: req.IsRenewal(),
	}
	if of.Renewed {
		of.Asked = req.Renewed.At
	}
	for n, e := range req.Emails {
		if req.Receipt.Emails>>n&1 == 1 && e.Taken != nil {
			email := receipt.Email{ID: messageID(key, req.ID, n), SHA256: e.Taken.SHA256, TakenAt: e.Taken.At}
			of.Emails = append(of.Emails, email)
		}
	}
	for _, c := range sub.Consents {
		if c.RequestID != req.ID {
			continue
		}
		doc, err := t.statements.read(c.SHA256)
		if err != nil {
			return of, err
		}
		of.Agreed = append(of.Agreed, receipt.Agreed{SHA256: c.SHA256, Document: doc})
	}
	return of, nil
}

// SubjectURN is how receipts name a person at a site.
func SubjectURN(key store.Key) string {
	sum := sha256.Sum256([]byte("optin subject " + key.Site + " " + key.ID))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562 section 5.8: made as nobody else does
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// Receipt returns the receipt of a subscription's latest confirmation, or that of a request by its name in the
// timeline. store.ErrNotFound where none was made.
func (w *Website) Receipt(ctx context.Context, site, id, request string) (string, error) {
	rec, err := w.find(ctx, site, id)
	if err != nil {
		return "", err
	}
	sub, err := w.open(ctx, rec)
	if err != nil {
		return "", err
	}
	return w.receipts.of(ctx, rec.Key, &sub, request)
}

// Receipt returns the receipt of the latest confirmation of a link's subscription; store.ErrNotFound.
func (p *Person) Receipt(ctx context.Context, signed string) (string, error) {
	l, err := p.parse(ctx, signed, token.UseUnsubscribe)
	if err != nil {
		return "", err
	}
	sub, err := p.get(ctx, keyOf(l))
	if err != nil {
		return "", err
	}
	return p.receipts.of(ctx, keyOf(l), &sub, "")
}

func (t *receipts) of(ctx context.Context, key store.Key, sub *consent.Subscription, request string,
) (string, error) {
	req := sub.Requests.WithReceipt(request)
	switch last := len(sub.Receipts) - 1; {
	case req != nil:
		return t.text(ctx, key, sub, req)
	case request == "" && last >= 0: // of a person who was erased
		return sub.Receipts[last].Text, nil
	}
	return "", store.ErrNotFound
}

// kept returns the receipts of a person who is about to be erased. One that cannot be made again is left out, as the
// store has lost its texts, or its key is not listed any more: nobody stays for it.
func (t *receipts) kept(
	ctx context.Context, key store.Key, sub *consent.Subscription, until time.Time,
) (all []consent.KeptReceipt, err error) {
	for i := range sub.Requests {
		req := &sub.Requests[i]
		if req.Receipt == nil {
			continue
		}
		text, err := t.text(ctx, key, sub, req)
		switch {
		case err == nil:
			all = append(all, consent.KeptReceipt{Text: text, Until: until})
		case !errors.Is(err, errLostText) && !errors.Is(err, receipt.ErrVerify):
			return nil, err
		}
	}
	return all, nil
}

// text returns the receipt of a request that has one.
func (t *receipts) text(
	ctx context.Context, key store.Key, sub *consent.Subscription, req *consent.Request,
) (string, error) {
	text, err := t.statements.store.Text(ctx, req.Receipt.Frame)
	if err != nil {
		return "", lost(err, "the frame of receipts "+req.Receipt.Frame)
	}
	frame, err := receipt.ParseFrame(text)
	if err != nil {
		return "", fmt.Errorf("%w the frame of receipts %s: %w", errLostText, req.Receipt.Frame, err)
	}
	for _, c := range sub.Consents {
		if _, err := t.statements.document(ctx, c.SHA256); err != nil {
			return "", lost(err, "the statement "+c.SHA256)
		}
	}
	facts, err := t.facts(key, sub, req)
	if err != nil {
		return "", err
	}
	return t.keys.Text(receipt.New(frame, facts), req.Receipt.Key, req.Receipt.Signature)
}

var errLostText = errors.New("confirm: the store has lost")

// lost says what the store should have, for an error that must not look as if the record were unknown.
func lost(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w %s", errLostText, what)
	}
	return err
}

// ReceiptStatus says whether a receipt still stands. It names nobody.
type ReceiptStatus struct {
	ID       string           `json:"id"`
	Stands   bool             `json:"stands"` // for any of its purposes
	Purposes []ReceiptPurpose `json:"purposes"`
}

// ReceiptPurpose is where one consent of a receipt stands.
type ReceiptPurpose struct {
	ID    string        `json:"id"`
	State consent.State `json:"state"`
	Since time.Time     `json:"since"`
}

// ReceiptStatus returns whether a receipt of ours still stands: one of a person who was erased does not.
// token.ErrNotOurs for an id that is none.
func (s *Service) ReceiptStatus(ctx context.Context, id string) (ReceiptStatus, error) {
	status := ReceiptStatus{ID: id, Purposes: []ReceiptPurpose{}}
	key, _, err := s.records.receipts.ids.Parse(id)
	if err != nil {
		return status, err
	}
	sub, err := s.records.get(ctx, key)
	if err != nil {
		return status, err
	}
	for i := range sub.Requests {
		req := &sub.Requests[i]
		if req.Receipt == nil || req.Receipt.ID != id {
			continue
		}
		for _, c := range sub.Consents {
			if c.RequestID != req.ID {
				continue
			}
			p := ReceiptPurpose{c.Purpose, c.State, c.Given}
			if c.Ended != nil {
				p.Since = c.Ended.At
			}
			status.Stands = status.Stands || c.State == consent.Confirmed
			status.Purposes = append(status.Purposes, p)
		}
	}
	return status, nil
}

// ReceiptKeys returns the public keys of receipts as a JSON Web Key Set (RFC 7517).
func (s *Service) ReceiptKeys() ([]byte, error) { return s.records.receipts.keys.Set() }
