package mailer

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/templates"
)

// part is a MIME part without parts of its own.
type part struct {
	header map[string][]string
	body   []byte
}

// partsOf reads all parts of a message by their media type.
func partsOf(t *testing.T, raw []byte) (netmail.Header, map[string]part) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]part{}
	var read func(contentType string, body io.Reader)
	read = func(contentType string, body io.Reader) {
		media, params, err := mime.ParseMediaType(contentType)
		if err != nil || !strings.HasPrefix(media, "multipart/") {
			t.Fatalf("%s: %v", contentType, err)
		}
		all[media] = part{}
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			own := p.Header.Get("Content-Type")
			if strings.HasPrefix(own, "multipart/") {
				read(own, p)
				continue
			}
			var from io.Reader = quotedprintable.NewReader(p)
			if p.Header.Get("Content-Transfer-Encoding") == "base64" {
				from = base64.NewDecoder(base64.StdEncoding, p)
			}
			content, err := io.ReadAll(from)
			if err != nil {
				t.Fatal(err)
			}
			media, _, _ := mime.ParseMediaType(own)
			all[media] = part{header: p.Header, body: content}
		}
	}
	read(m.Header.Get("Content-Type"), m.Body)
	return m.Header, all
}

// An email of a site that has chosen all that it can choose: it is rebuilt to the byte like any other.
func TestAnEmailHasTheSitesOwnFace(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	blue := theme.Default()
	blue.Accent = theme.Colour{R: 0x1d, G: 0x4e, B: 0xd8}
	png := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0, 1, 2, 255}, 1000)...)
	blue.EmailLogo = &theme.Logo{Bytes: png, Media: "image/png"}
	looks := blue.Email()
	m := composer(t, func(o *Options) {
		s := o.Sites["gazette"]
		s.FromNames = map[string]string{"fr": "La Gazette du Père Ubu"}
		s.Show.TimeZone, s.Show.Looks = paris, &looks
		s.Show.ChildTexts = map[string]map[string]string{
			"fr": {"Recevoir la lettre mensuelle de La Gazette": "Une lettre pour toi chaque mois"},
			"en": {"Recevoir la lettre mensuelle de La Gazette": "A letter for you each month"},
		}
		s.Show.Wording = map[string]templates.Wording{"fr": {
			Subject: "Votre lettre vous attend", Greeting: "Bien le bonjour,", Lead: "Quel plaisir de vous lire.",
			Button: "Jeter un œil",
		}}
		o.Sites["gazette"] = s
	})
	msg := confirmMessage(t)
	e, err := m.compose(&msg)
	if err != nil {
		t.Fatal(err)
	}
	rebuilt, err := Rebuild(e.skeleton.Data(), msg)
	if err != nil || !bytes.Equal(rebuilt, e.raw) {
		t.Errorf("rebuilt otherwise: %v\n%s\nbut\n%s", err, rebuilt, e.raw)
	}
	header, parts := partsOf(t, e.raw)
	from, err := (&netmail.AddressParser{WordDecoder: &mime.WordDecoder{}}).Parse(header.Get("From"))
	if err != nil || from.Name != "La Gazette du Père Ubu" || header.Get("Content-Language") != "fr" {
		t.Errorf("from %v, %v, in %s", from, err, header.Get("Content-Language"))
	}
	if subject, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); subject != "Votre lettre vous attend" {
		t.Errorf("subject %q", subject)
	}
	if _, ok := parts["multipart/related"]; !ok {
		t.Fatal("no multipart/related")
	}
	picture := parts["image/png"]
	if !bytes.Equal(picture.body, blue.EmailLogo.Bytes) || picture.header["Content-Id"][0] != "<logo>" ||
		picture.header["Content-Disposition"][0] != "inline" {
		t.Errorf("the picture: %v", picture.header)
	}
	html, text := string(parts["text/html"].body), string(parts["text/plain"].body)
	button := `bgcolor="` + looks.Light.Accent.String() + `"`
	for _, want := range []string{`src="cid:logo"`, `alt="La Gazette"`, button} {
		if !strings.Contains(html, want) {
			t.Errorf("the HTML has no %s", want)
		}
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{"Bien le bonjour,", "Quel plaisir de vous lire.", "Jeter un œil :",
		"21 novembre 2026 à 13:00 (Paris)", "23 novembre 2026 à 13:00 (Paris)", "Une lettre pour toi chaque mois",
		// and the frame:
		"Recevoir la lettre mensuelle de La Gazette", "Quelqu’un, peut-être vous,", "Ce n’était pas moi",
		"à tout moment", "La Gazette SAS"} {
		if !strings.Contains(strings.ReplaceAll(flat, "\u202f", " "), want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
		if want != "Jeter un œil :" && !strings.Contains(html, want) {
			t.Errorf("the HTML does not say %q", want)
		}
	}
	if strings.Contains(text, "Bonjour,\n") || strings.Contains(text, "Vérifier et confirmer") {
		t.Error("our own greeting or button is there, too")
	}
	// The reminder and the email to somebody who agreed keep the subjects that say so.
	msg.Reminder = true
	again, err := m.compose(&msg)
	if err != nil {
		t.Fatal(err)
	}
	known := knownMessage(t)
	third, err := m.compose(&known)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*email{again, third} {
		header, _ := partsOf(t, e.raw)
		if s, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); strings.Contains(s, "attend") {
			t.Errorf("the subject of another email is %q", s)
		}
	}
}

func TestAnEmailHasLessThanTwelveKilobytesInEveryLanguage(t *testing.T) {
	m := composer(t)
	for _, language := range m.Pages.Languages() {
		for name, msg := range map[string]confirm.Message{
			"confirm": confirmMessage(t), "known": knownMessage(t), "copy": rightMessage(t, consent.EmailCopy),
			"erase": rightMessage(t, consent.EmailErase),
		} {
			msg.Locale = language
			e, err := m.compose(&msg)
			if err != nil {
				t.Fatal(err)
			}
			header, _ := partsOf(t, e.raw)
			if n := len(e.raw); n >= 12_000 || header.Get("Content-Language") != language {
				t.Errorf("%s in %s has %d bytes, in %s", name, language, n, header.Get("Content-Language"))
			}
		}
	}
}
