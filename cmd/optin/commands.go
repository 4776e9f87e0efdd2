package main

import (
	"context"
	"io"
	"os"
	"strings"
)

// subcommand is one of optin's.
type subcommand struct {
	name, args string // args are written behind the name in the help, as a hint
	says       string
	parts      []string // names of its own commands
	run        runCommand
}

type runCommand = func(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int

// commandGroup is the commands that somebody needs.
type commandGroup struct {
	title string
	all   []subcommand
}

// commandGroups lists all commands, by who needs them: help and completion are made from it.
func commandGroups() []commandGroup {
	return []commandGroup{
		{"To try it, and to run it", []subcommand{
			{"demo", "", "all of it, to try: needs no configuration", nil, withoutEnv(demo)},
			{"serve", "-config optin.yaml", "the service", nil, serve},
			{"check", "-config optin.yaml", "says what is wrong before it goes wrong", nil, check},
			{"keys", "", "makes secrets, keys, a sample configuration", nil, keysCommand},
			{"users", "", "who may use the dashboard; another entry", nil, usersCommand},
			{"preview", "", "every page and email in every language", nil, preview},
			{"webhook", "listen|test|…", "tries a website's webhook, from either end",
				[]string{"listen", "test", "failed", "retry"}, webhooks},
			{"bounce", "-config optin.yaml", "takes a mail system's report, from a pipe", nil, bounceCommand},
			{"healthcheck", "", "asks a running service whether it is alive", nil, withoutEnv(healthcheck)},
		}},
		{"For operators, beside the running service", []subcommand{
			{"top", "", "whether confirmations flow, and what is wrong", nil, top},
			{"stats", "", "signups and confirmations by day, form, …", nil, stats},
			{"pending", "", "who has not confirmed yet; the relay's words", nil, pending},
			{"failed", "", "events that no endpoint took", nil, failed},
			{"retry", "-all | ID…", "sends failed events again", nil, retry},
			{"audit", "", "who did what to whose data, and who looked", nil, auditLog},
			{"register", "", "the record of processing (GDPR article 30)", nil, register},
		}},
		{"When a person asks; each is noted in the audit log", []subcommand{
			{"show", "ADDRESS|ID", "what is known of them, with its evidence", nil, show},
			{"dossier", "ADDRESS|ID", "what proves to others that they agreed", nil, writeDossier},
			{"export", "", "every subscription of a site", nil, export},
			{"resend", "ADDRESS|ID", "sends the email again, or says why it cannot", nil, resend},
			{"withdraw", "ADDRESS|ID", "takes back what they agreed to", nil, withdraw},
			{"object", "ADDRESS", "keeps that they want no more emails", nil, object},
			{"erase", "ADDRESS|ID…", "erases people; -replay: after a restore", nil, eraseCommand},
		}},
		{"Proof, and after a loss", []subcommand{
			{"verify", "receipt|dossier|log", "checks a proof offline, with public keys",
				[]string{"receipt", "dossier", "log"}, verifyCommand},
			{"log", "checkpoint|key", "what is published of the consent log", []string{"checkpoint", "key"},
				consentLog},
			{"restore", "-config optin.yaml", "fills a lost store from the consent log", nil, restore},
			{"store", "accept-empty", "says that the loss of the store is known", []string{"accept-empty"},
				storeCommand},
		}},
		{"About the program", []subcommand{
			{"completion", "bash|zsh|fish", "lets a shell complete commands and flags",
				[]string{"bash", "zsh", "fish"}, completion},
			{"version", "", "the version and the commit", nil, versionCommand},
		}},
	}
}

func withoutEnv(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) runCommand {
	return func(ctx context.Context, args []string, _ environment, stdout, stderr io.Writer) int {
		return run(ctx, args, stdout, stderr)
	}
}

func keysCommand(_ context.Context, args []string, _ environment, stdout, stderr io.Writer) int {
	return keys(args, stdout, stderr)
}

func usersCommand(_ context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return users(args, env, os.Stdin, stdout, stderr)
}

func bounceCommand(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return readBounce(ctx, args, env, os.Stdin, stdout, stderr)
}

func eraseCommand(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return erase(ctx, args, env, os.Stdin, stdout, stderr)
}

func verifyCommand(_ context.Context, args []string, _ environment, stdout, stderr io.Writer) int {
	return verify(args, stdout, stderr)
}

func versionCommand(_ context.Context, _ []string, _ environment, stdout, _ io.Writer) int {
	return printVersion(stdout)
}

// usage lists the commands for people.
func usage() string {
	var b strings.Builder
	b.WriteString("optin takes signups, sends a signed link by email, and counts a consent once the\n" +
		"person has confirmed it.\n")
	for _, g := range commandGroups() {
		b.WriteString("\n" + g.title + ":\n\n")
		for _, c := range g.all {
			line := strings.TrimSuffix("  optin "+c.name+" "+c.args, " ")
			b.WriteString(line + strings.Repeat(" ", 35-len([]rune(line))) + c.says + "\n")
		}
	}
	b.WriteString(`
optin COMMAND -h explains a command and its flags. Exit codes: 0 done; 1 failed,
or does not hold; 2 wrong usage or configuration; 3 refused: nothing is known of
who was named, or the rules do not allow it now.
`)
	return b.String()
}
