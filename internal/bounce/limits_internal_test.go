package bounce

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// filled returns as many copies of a text as a message may have.
func filled(text string) string { return strings.Repeat(text, MaxMessage/len(text)) }

// partsOf begins a message of parts with a boundary.
func partsOf(boundary string) string {
	return "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n"
}

// Anybody can send a message to a return path of ours.
func TestNoMessageHoldsTheProgramUp(t *testing.T) {
	text := strings.Repeat("the server said: x, error code 5, reason: y\n", 1500)
	for name, message := range map[string]string{
		"a field of many lines":  "From: mailer-daemon@mx.example\nX: y\n" + filled("a\n"),
		"many fields":            "From: mailer-daemon@mx.example\n" + filled("To: a@b.example\n"),
		"many small fields":      filled("a:\n"),
		"many groups":            dsnWith(text, filled("Status: 5\n\n")),
		"many fields of a group": dsnWith(text, "Status: 5.0.0\n"+filled("Diagnostic-Code: x 5\n")),
		"many parts":             partsOf("b") + filled("--b\n\nStatus: 5\n\n"),
		"nested parts":           partsOf("b0") + nestedParts() + filled("--b4\n\nx\n"),
		"much text":              plain("From: mailer-daemon@mx.example", filled("a@b.example said: error reason ")),
		"many lines":             plain("From: mailer-daemon@mx.example", filled("a@b.example\n")),
		"tags":                   "From: mailer-daemon@mx.example\nContent-Type: text/html\n\n" + filled("<style <br"),
		"half a status":          plain("From: mailer-daemon@mx.example", filled("Final-Recipient: a\n")),
		"boundaries":             "From: mailer-daemon@mx.example\n\n" + filled("--x\nContent-X\n"),
		"addresses":              "From: mailer-daemon@mx.example\nTo: " + filled("a@") + "\n",
	} {
		began := time.Now()
		_, err := ReadMessage(strings.NewReader(message))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: %s (%v)", name, took, err)
		}
	}
}

func dsnWith(text, status string) string {
	return "From: mailer-daemon@mx.example\nContent-Type: multipart/report; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\n" + text + "\n--b\nContent-Type: message/delivery-status\n\n" + status +
		"\n--b--\n"
}

func nestedParts() (all string) {
	for i := range 4 {
		all += fmt.Sprintf("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	return all
}
