package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/receipt"
)

const verifyUsage = `optin verify checks a proof offline, with public keys alone:

  optin verify receipt -keys jwks.json receipt.jwt     a consent receipt, with the keys of /.well-known/jwks.json
  optin verify dossier -keys jwks.json -key KEY dossier.zip
                                                       a dossier: words, emails, receipts, and the log's proofs
  optin verify log -key KEY [-since FILE] DIR          a copy of the consent log: every entry, hash and signature;
                                                       with -since, that it only grew after the checkpoint in FILE
`

// verify runs the subcommands of optin verify. It returns 1 if something does not hold, and says what and where.
func verify(args []string, stdout, stderr io.Writer) int {
	switch name, rest := firstOf(args); name {
	case "receipt":
		return verifyReceipt(rest, stdout, stderr)
	case "dossier":
		return verifyDossier(rest, stdout, stderr)
	case "log":
		return verifyLog(rest, stdout, stderr)
	default:
		return noCommand("optin verify", name, verifyUsage, stdout, stderr)
	}
}

// oneFile parses flags and one argument. If ok is false, the command ends with the code.
func oneFile(f *flag.FlagSet, args []string, what string, stderr io.Writer) (name string, code int, ok bool) {
	rest, code, ok := mixedFlags(f, args, stderr)
	if ok && len(rest) != 1 {
		fmt.Fprintf(stderr, "optin %s: takes one argument: %s\n", f.Name(), what)
		return "", exitUsage, false
	}
	if !ok {
		return "", code, false
	}
	return rest[0], code, true
}

func verifyReceipt(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("verify receipt", flag.ContinueOnError)
	keys := f.String("keys", "jwks.json", "the key set's `file`, as /.well-known/jwks.json has it")
	name, code, ok := oneFile(f, args, "the file of the receipt", stderr)
	if !ok {
		return code
	}
	set, err := os.ReadFile(*keys)
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin verify receipt:", err)
		return exitUsage
	}
	all, err := receipt.ParseSet(set)
	var p receipt.Payload
	if err == nil {
		p, err = all.Verify(string(text))
	}
	if err != nil {
		fmt.Fprintln(stdout, "DOES NOT HOLD:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "HOLDS: signed by %s\nreceipt     %s\nperson      %s\nasked       %s\nconfirmed   %s\n",
		p.Issuer, p.ReceiptID, p.Subject, stamp(p.Events[0].At), stamp(p.Events[1].At))
	for _, one := range p.Processing {
		fmt.Fprintf(stdout, "agreed to   %q, in %s, %s\n", one.Purpose.Text, one.Language, one.Purpose.Words)
	}
	fmt.Fprintf(stdout, "controller  %s, %s\nstill so?   %s\n", p.Parties[0].Name, p.Parties[0].Contact, p.Status.URL)
	return exitOK
}

func verifyDossier(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("verify dossier", flag.ContinueOnError)
	keys := f.String("keys", "jwks.json", "the key set's `file`, as /.well-known/jwks.json has it")
	key := f.String("key", "", "the `key` of checkpoints, as optin log key prints it; needed if there was a log")
	name, code, ok := oneFile(f, args, "the file of the dossier", stderr)
	if !ok {
		return code
	}
	set, err := os.ReadFile(*keys)
	var file []byte
	if err == nil {
		file, err = os.ReadFile(name)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin verify dossier:", err)
		return exitUsage
	}
	trusted, err := receipt.ParseSet(set)
	var all []dossier.Finding
	if err == nil {
		all, err = dossier.Verify(file, trusted, *key)
	}
	if err != nil {
		fmt.Fprintln(stdout, "DOES NOT HOLD:", err)
		return exitFailed
	}
	code = exitOK
	for _, x := range all {
		if x.Err != nil {
			fmt.Fprintf(stdout, "DOES NOT HOLD: %s: %v\n", x.What, x.Err)
			code = exitFailed
			continue
		}
		fmt.Fprintf(stdout, "HOLDS: %s\n", x.What)
	}
	return code
}

func verifyLog(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("verify log", flag.ContinueOnError)
	key := f.String("key", "", "the `key` of checkpoints, as optin log key prints it: name+hash+key")
	since := f.String("since", "", "the `file` of an older checkpoint that you kept")
	dir, code, ok := oneFile(f, args, "the folder of the log", stderr)
	if !ok {
		return code
	}
	if *key == "" {
		fmt.Fprintln(stderr, "optin verify log: -key is missing; optin log key prints it")
		return exitUsage
	}
	var old []byte
	if *since != "" {
		var err error
		if old, err = os.ReadFile(*since); err != nil {
			fmt.Fprintln(stderr, "optin verify log:", err)
			return exitUsage
		}
	}
	head, err := consentlog.Verify(dir, *key, old)
	if err != nil {
		fmt.Fprintln(stdout, "DOES NOT HOLD:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "HOLDS: %d leaves, root %s\n", head.Size, head.Root)
	if old != nil {
		fmt.Fprintln(stdout, "It only grew after the checkpoint that was kept.")
	}
	return exitOK
}
