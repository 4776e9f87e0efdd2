package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/receipt"
)

const verifyUsage = `optin verify checks a proof offline, with public keys alone:

  optin verify receipt -keys jwks.json receipt.jwt
      a consent receipt, with the keys of /.well-known/jwks.json
  optin verify dossier -keys jwks.json -key KEY dossier.zip
      a dossier: words, emails, receipts, and the log's proofs
  optin verify log -key KEY [-since FILE] DIR
      a copy of the consent log, or the files of /log/ under the same paths:
      every entry, hash and signature; with -since, that it only grew after the
      checkpoint in FILE

It exits with 0 if all holds, and with 1 if something does not, which it names. -json writes {"holds": …, "findings":
[{"what": …, "holds": …, "error": …}]} with the "receipt" or the "log": {"leaves": …, "root": …} beside it.
`

// verify runs the subcommands of optin verify. It returns 1 if something does not hold, and says what and where.
func verify(args []string, stdout, stderr io.Writer) int {
	name, rest := firstOf(args)
	run, ok := map[string]func(*verification, []string) int{
		"receipt": verifyReceipt, "dossier": verifyDossier, "log": verifyLog,
	}[name]
	if !ok {
		return noCommand("optin verify", name, verifyUsage, stdout, stderr)
	}
	v := &verification{call: offline("verify "+name, verifyUsage, stdout, stderr)}
	return run(v, rest)
}

// verification is one call of optin verify, and what it found.
type verification struct {
	*call
	found []dossier.Finding
	about map[string]any // beside the findings
	text  string         // of that, for people
}

// file parses flags and one argument. If ok is false, the command ends with the code.
func (v *verification) file(args []string, what string) (name string, code int, ok bool) {
	rest, code, ok := v.parse(args)
	if ok && len(rest) != 1 {
		return "", v.fail(exitUsage, errors.New("takes one argument: "+what)), false
	}
	if !ok {
		return "", code, false
	}
	return rest[0], code, true
}

// finding is a Finding as JSON has it.
type finding struct {
	What  string `json:"what"`
	Holds bool   `json:"holds"`
	Error string `json:"error,omitempty"`
}

// say says what was found.
func (v *verification) say() int {
	all, text, code := []finding{}, "", exitOK
	for _, x := range v.found {
		one := finding{What: x.What, Holds: x.Err == nil}
		if x.Err != nil {
			one.Error, code = x.Err.Error(), exitFailed
			text += fmt.Sprintf("DOES NOT HOLD: %s: %v\n", x.What, x.Err)
		} else {
			text += fmt.Sprintf("HOLDS: %s\n", x.What)
		}
		all = append(all, one)
	}
	said := map[string]any{"holds": code == exitOK, "findings": all}
	for name, value := range v.about {
		said[name] = value
	}
	if bad := v.done(said, strings.TrimSuffix(text+v.text, "\n")); bad != exitOK {
		return bad
	}
	return code
}

func verifyReceipt(v *verification, args []string) int {
	keys := v.flags.String("keys", "jwks.json", "the key set's `file`, as /.well-known/jwks.json has it")
	name, code, ok := v.file(args, "the file of the receipt")
	if !ok {
		return code
	}
	set, err := os.ReadFile(*keys)
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return v.fail(exitUsage, err)
	}
	all, err := receipt.ParseSet(set)
	var p receipt.Payload
	if err == nil {
		p, err = all.Verify(string(text))
	}
	v.found = []dossier.Finding{{What: "the receipt", Err: err}}
	if err == nil {
		v.found[0].What += ", signed by " + p.Issuer
		v.about, v.text = map[string]any{"receipt": p}, receiptAsText(p)
	}
	return v.say()
}

func receiptAsText(p receipt.Payload) string {
	text := fmt.Sprintf("receipt     %s\nperson      %s\nasked       %s\nconfirmed   %s\n",
		p.ReceiptID, p.Subject, stamp(p.Events[0].At), stamp(p.Events[1].At))
	for _, one := range p.Processing {
		text += fmt.Sprintf("agreed to   %q, in %s, %s\n", one.Purpose.Text, one.Language, one.Purpose.Words)
	}
	return text + fmt.Sprintf("controller  %s, %s\nstill so?   %s\n", p.Parties[0].Name, p.Parties[0].Contact,
		p.Status.URL)
}

func verifyDossier(v *verification, args []string) int {
	keys := v.flags.String("keys", "jwks.json", "the key set's `file`, as /.well-known/jwks.json has it")
	key := v.flags.String("key", "", "the `key` of checkpoints, as optin log key prints it; needed if there was a log")
	name, code, ok := v.file(args, "the file of the dossier")
	if !ok {
		return code
	}
	set, err := os.ReadFile(*keys)
	var file []byte
	if err == nil {
		file, err = os.ReadFile(name)
	}
	if err != nil {
		return v.fail(exitUsage, err)
	}
	trusted, err := receipt.ParseSet(set)
	if err == nil {
		v.found, err = dossier.Verify(file, trusted, *key)
	}
	if err != nil {
		v.found = append(v.found, dossier.Finding{What: "the dossier", Err: err})
	}
	return v.say()
}

func verifyLog(v *verification, args []string) int {
	key := v.flags.String("key", "", "the `key` of checkpoints, as optin log key prints it: name+hash+key")
	since := v.flags.String("since", "", "the `file` of an older checkpoint that you kept")
	dir, code, ok := v.file(args, "the folder of the log")
	if !ok {
		return code
	}
	if *key == "" {
		return v.fail(exitUsage, errors.New("-key is missing; optin log key prints it"))
	}
	var old []byte
	if *since != "" {
		var err error
		if old, err = os.ReadFile(*since); err != nil {
			return v.fail(exitUsage, err)
		}
	}
	head, err := consentlog.Verify(dir, *key, old, v.reading())
	v.found = []dossier.Finding{{What: "the log", Err: err}}
	if err == nil {
		v.found[0].What = fmt.Sprintf("the log: %d leaves, root %s", head.Size, head.Root)
		v.about = map[string]any{"log": map[string]any{"leaves": head.Size, "root": head.Root.String()}}
		if old != nil {
			v.text = "It only grew after the checkpoint that was kept."
		}
	}
	return v.say()
}

// reading returns what shows how far the consent log is verified.
func (c *call) reading() func(read, of int64) {
	return func(read, of int64) { c.progress.show("verifying the log", read, of) }
}
