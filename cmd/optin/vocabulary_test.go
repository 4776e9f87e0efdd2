package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// retired lists words that this project once used for ideas that have a name in its field, each with the word to use
// now (CONTRIBUTING.md has the whole vocabulary). No name may contain one of them as a word.
func retired() map[string]string {
	all := map[string]string{}
	for now, words := range map[string]string{
		"email, message":                        "letter letters",
		"service":                               "desk desks",
		"action":                                "deed deeds",
		"sealer":                                "vault vaults",
		"surge":                                 "weather calm",
		"counts":                                "tally tallies",
		"due, enqueued, a job":                  "owe owes owed owing",
		"job type":                              "duty duties",
		"queue":                                 "lane lanes",
		"end: complete, retry, move, fail":      "settle settles settled settling settlement",
		"outcome, result":                       "verdict verdicts",
		"fail, failed":                          "park parks parked parking",
		"requeue, retry":                        "revive revives revived replay replays replayed",
		"run now":                               "hasten hastens hastened",
		"unblock":                               "lift lifts lifted",
		"expire":                                "lapse lapses lapsed",
		"unsafe":                                "unfit",
		"language":                              "tongue tongues",
		"skeleton":                              "mould moulds",
		"nothing: it went":                      "feign feigned pretend decoy decoys",
		"schedule":                              "ladder",
		"env":                                   "town world office diary",
		"what it holds":                         "util utils common helper helpers misc",
		"ratelimit: nothing is given back":      "refund refunds giveback",
		"door: gone; limits of the mailbox are": "door doors",
	} {
		for _, word := range strings.Fields(words) {
			all[word] = now
		}
	}
	return all
}

// isPlainName reports names that contain a retired word in its plain meaning.
func isPlainName(name string) bool {
	switch name {
	case "isLetter", "idLetters", "keyLetters": // of an alphabet
		return true
	case "letter", "canned.letter": // the id of a site's purpose, in examples and tests, and its text
		return true
	case "Idempotency-Replayed": // the field's name for it
		return true
	case "replay", "-replay", "--replay": // the flag of optin erase
		return true
	case "revive": // the linter
		return true
	}
	return false
}

// tracked returns the files of the repository, by their paths from its root.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", filepath.Join("..", ".."), "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no git checkout: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}

// wordsOf splits a name such as retryAfterID, webhook_failed or email/maybe-sent.
func wordsOf(name string) []string {
	spaced := regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`).ReplaceAllString(name, "$1$3 $2$4")
	return regexp.MustCompile(`[^a-z0-9]+`).Split(strings.ToLower(spaced), -1)
}

func TestNoNameIsOfTheRetiredVocabulary(t *testing.T) {
	words, seen := retired(), map[string]bool{}
	check := func(where, name string) {
		if isPlainName(name) || seen[where+name] {
			return
		}
		seen[where+name] = true
		for _, word := range wordsOf(name) {
			if now := words[word]; now != "" {
				t.Errorf("%s: %q: %s", where, name, now)
			}
		}
	}
	for _, file := range tracked(t) {
		if strings.Contains(file, "testdata/") {
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(file, filepath.Ext(file)), "/") {
			check(file, part)
		}
		switch b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file))); {
		case err != nil:
			t.Error(err)
		case filepath.Ext(file) == ".go" && file != "cmd/optin/vocabulary_test.go":
			goNames(t, file, b, check)
		case filepath.Ext(file) == ".yaml", filepath.Ext(file) == ".yml":
			key := regexp.MustCompile(`(?m)(?:^|[{,])[ #-]*([A-Za-z_/{}-]+):(?: |$)`)
			for _, m := range key.FindAllSubmatch(b, -1) {
				check(file, string(m[1]))
			}
		case filepath.Ext(file) == ".json":
			for _, m := range regexp.MustCompile(`"([a-z_.]+)":`).FindAllSubmatch(b, -1) {
				check(file, string(m[1]))
			}
		case filepath.Ext(file) == ".html", filepath.Ext(file) == ".txt":
			for _, action := range regexp.MustCompile(`\{\{.*?\}\}`).FindAll(b, -1) {
				for _, name := range regexp.MustCompile(`[A-Za-z_.]+`).FindAll(action, -1) {
					check(file, string(name))
				}
			}
		case filepath.Ext(file) == ".lua":
			for _, m := range regexp.MustCompile(`local (?:function )?([\w, ]+)`).FindAllSubmatch(b, -1) {
				check(file, string(m[1]))
			}
		}
	}
}

// goNames checks what a Go file declares, and outside tests every string that is one name: a key of a log line, of JSON
// or of the configuration, a queue, a metric, a route.
func goNames(t *testing.T, file string, src []byte, check func(where, name string)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	check(file, parsed.Name.Name)
	idents := func(all ...*ast.Ident) {
		for _, i := range all {
			check(file, i.Name)
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if !strings.HasPrefix(n.Name.Name, "Test") { // a sentence
				idents(n.Name)
			}
		case *ast.TypeSpec:
			idents(n.Name)
		case *ast.ValueSpec:
			idents(n.Names...)
		case *ast.Field:
			idents(n.Names...)
			if n.Tag != nil {
				check(file, n.Tag.Value)
			}
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				if i, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					idents(i)
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if i, ok := x.(*ast.Ident); ok {
					idents(i)
				}
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if err == nil && n.Kind == token.STRING && !strings.HasSuffix(file, "_test.go") &&
				regexp.MustCompile(`^[A-Za-z0-9_/:.{}-]+$`).MatchString(text) {
				check(file, text)
			}
		}
		return true
	})
}

// TestNoProseIsOfTheRetiredVocabulary reads documents and comments for the words that nobody would know. A site's
// newsletter is its letter, and letters of an alphabet are letters.
func TestNoProseIsOfTheRetiredVocabulary(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(deeds?|desks?|tally|tallies|weather|vaults?|feign(s|ed)?|moulds?|parked|` +
		`tongues?|lest|be it that|whatever is found|tells whether|letters?)\b`)
	plain := regexp.MustCompile(`(?i)newsletter|monthly letter|site's letter|[a-z0-9]'s letter|` +
		`called a letter|its letter|` +
		`(ascii|lower-case|upper-case|capital|latin|greek|cyrillic|full-width|small|same|` +
		`of|the|and|no|in|with|few|other|one|two) letters?\b|` +
		`letters?,? (and |or |of |in |that are |are |is )?` +
		`('|-|digits|an alphabet|spaces|the alphabet|case|capital|its|marks|not)|` +
		`parts of letters|"letter"|\x60letter\x60|: letter\b|\bletter:|=letter|\[letter|letter\]`)
	comments := regexp.MustCompile(`(?m)(?:^|\s)//+ ?(.*)$`)
	for _, file := range tracked(t) {
		b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
		}
		var lines []string
		switch filepath.Ext(file) {
		case ".md":
			lines = strings.Split(string(b), "\n")
		case ".go", ".js":
			for _, m := range comments.FindAllStringSubmatch(string(b), -1) {
				lines = append(lines, m[1])
			}
		case ".yaml", ".yml", ".lua", ".sql":
			for _, m := range regexp.MustCompile(`(?m)(?:#|--) (.*)$`).FindAllStringSubmatch(string(b), -1) {
				lines = append(lines, m[1])
			}
		}
		if file == "cmd/optin/vocabulary_test.go" {
			continue
		}
		for _, line := range lines {
			if found := words.FindString(line); found != "" && !plain.MatchString(line) {
				t.Errorf("%s: %q in %q", file, found, strings.TrimSpace(line))
			}
		}
	}
}
