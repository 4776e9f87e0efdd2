package mailer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
)

// The length of a Feedback-ID's last part, in characters: Google asks for so many.
const minSenderID, maxSenderID = 5, 15

// feedbackID groups letters for those who count complaints: what the letter is for, whose it is, which program sent it, and the sender. It
// is Google's format for its feedback loop, three words and an id of the sender, and names no recipient.
func feedbackID(d confirm.Message, from string) string {
	id := from
	if len(id) > maxSenderID {
		id = strings.TrimLeft(id[len(id)-maxSenderID:], ".-") // its end tells more than its beginning
	}
	if len(id) < minSenderID {
		id = "mail." + id
	}
	duty := string(d.Type)
	if d.Reminder {
		duty = "reminder"
	}
	return word(duty) + ":" + word(d.Site) + ":optin:" + id
}

// word keeps of a name what may stand between colons.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, s)
}

// formSub tells receivers that a form led to this letter, and from about where it was filled in, so that they can stop a flood of such
// letters (draft-levine-mailbomb-header-02). Of an IPv4 address two parts are told, of an IPv6 address the first 32 bits.
func formSub(ip string) string {
	addr, err := netip.ParseAddr(ip)
	addr = addr.Unmap()
	switch {
	case err != nil:
		return "v=1 ; ip=none"
	case addr.Is4():
		b := addr.As4()
		return fmt.Sprintf("v=1 ; ip4=%d.%d.x.x", b[0], b[1])
	}
	b := addr.As16()
	return fmt.Sprintf("v=1 ; ip6=%x:%x::x", binary.BigEndian.Uint16(b[:2]), binary.BigEndian.Uint16(b[2:4]))
}

// unsubscribe adds the header fields of a letter to somebody who agreed (RFC 2369, RFC 8058), each on one line: folding
// broke signatures at some relays. One click wants https; without, as on a loopback address, only the link is told.
func unsubscribe(msg *mail.Msg, link string) {
	if link == "" {
		return
	}
	msg.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, "<"+link+">")
	if strings.HasPrefix(link, "https://") {
		msg.SetGenHeaderPreformatted(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
}
