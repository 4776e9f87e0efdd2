package confirm

import (
	"encoding/base64"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// mailboxSite is the Site of the keys of mailboxes. No site has this id, so no listing has them.
const mailboxSite = "-"

// mailboxState is the State of the records of mailboxes, which nobody filters by.
const mailboxState = "mailbox"

// mailboxKeys returns the keys that the mailbox of an address at a site can have: one for each listed secret, newest
// first.
func (s sealer) mailboxKeys(site string, a address.Address) (keys []store.Key) {
	for _, sum := range s.ring.MACs("mailbox id", site, a.Mailbox()) {
		keys = append(keys, mailboxKey(base64.RawURLEncoding.EncodeToString(sum[:16])))
	}
	return keys
}

func mailboxKey(id string) store.Key { return store.Key{Site: mailboxSite, ID: id} }

// The fields of the record of a mailbox, and of a spelling in it. Times are those of a record without Created.
const (
	mailboxDeclined = 1 + iota
	mailboxHow
	mailboxSpellings
	mailboxObjections
)

const (
	mailboxObjectionAt = 1 + iota
	mailboxObjectionHow
	mailboxObjectionChannel
	mailboxObjectionPurposes
)

const (
	spellingID = 1 + iota
	spellingUntil
)

func encodeMailbox(m consent.Mailbox) ([]byte, error) {
	var e encoder
	all := e.openMap()
	if m.Declined != nil {
		e.time(all, mailboxDeclined, m.Declined.At)
		code(&e, all, mailboxHow, methodCodes, m.Declined.How)
	}
	e.arrayField(all, mailboxSpellings, len(m.Spellings))
	for _, s := range m.Spellings {
		one := e.openMap()
		e.id(one, spellingID, s.ID)
		e.time(one, spellingUntil, s.Until)
	}
	e.arrayField(all, mailboxObjections, len(m.Objections))
	for i := range m.Objections {
		o := &m.Objections[i]
		one := e.openMap()
		e.time(one, mailboxObjectionAt, o.Evidence.At)
		code(&e, one, mailboxObjectionHow, methodCodes, o.Evidence.How)
		e.textField(one, mailboxObjectionChannel, string(o.Evidence.Channel))
		e.arrayField(one, mailboxObjectionPurposes, len(o.Purposes))
		for _, id := range o.Purposes {
			e.writeText(id)
		}
	}
	return e.b, e.err
}

// mailboxDecoder reads what stands in the record of a mailbox alone.
type mailboxDecoder struct{ decoder }

func decodeMailbox(plain []byte) (m consent.Mailbox, err error) {
	d := mailboxDecoder{decoder{cborReader: cborReader{rest: string(plain)}}}
	for all := d.readMap(); all.next(&d.cborReader); {
		switch all.key {
		case mailboxDeclined:
			m.Declined = &consent.Evidence{At: d.time()}
		case mailboxHow:
			how := pick(&d.decoder, methodCodes)
			if m.Declined == nil {
				d.fail()
				break
			}
			m.Declined.How = how
		case mailboxSpellings:
			m.Spellings = list(&d.decoder, d.spelling)
		case mailboxObjections:
			m.Objections = list(&d.decoder, d.objection)
		default:
			d.fail()
		}
	}
	if d.damaged || len(d.rest) > 0 {
		return consent.Mailbox{}, errDamaged
	}
	return m, nil
}

func (d *mailboxDecoder) objection() (o consent.Objection) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case mailboxObjectionAt:
			o.Evidence.At = d.time()
		case mailboxObjectionHow:
			o.Evidence.How = pick(&d.decoder, methodCodes)
		case mailboxObjectionChannel:
			o.Evidence.Channel = consent.Channel(d.readText())
		case mailboxObjectionPurposes:
			o.Purposes = list(&d.decoder, d.readText)
		default:
			d.fail()
		}
	}
	return o
}

func (d *mailboxDecoder) spelling() (s consent.Spelling) {
	for m := d.readMap(); m.next(&d.cborReader); {
		switch m.key {
		case spellingID:
			s.ID = d.id()
		case spellingUntil:
			s.Until = d.time()
		default:
			d.fail()
		}
	}
	return s
}

// mailbox opens the record of a mailbox; one that does not exist says nothing.
func (b box) mailbox(r store.Record) (m consent.Mailbox, err error) {
	if !r.Exists() {
		return m, nil
	}
	plain, err := b.open(whatMailbox, r.Data)
	if err != nil {
		return m, err
	}
	if m, err = decodeMailbox(plain); err != nil {
		return m, &UnreadableError{r.Key, whatMailbox, err}
	}
	return m, nil
}
