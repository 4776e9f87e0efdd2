package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
)

const completionUsage = `optin completion prints what makes a shell complete optin's commands and their
flags. For the shell that runs:

  source <(optin completion bash)
  source <(optin completion zsh)       # after compinit
  optin completion fish | source

For good, put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.
`

// completion prints what makes a shell complete the names of commands, of their own commands, and flags.
func completion(_ context.Context, args []string, _ environment, stdout, stderr io.Writer) int {
	shell, rest := firstOf(args)
	write := map[string]func(io.Writer, []completed){
		"bash": completeBash, "zsh": completeZsh, "fish": completeFish,
	}[shell]
	switch {
	case write == nil:
		return noCommand("optin completion", shell, completionUsage, stdout, stderr)
	case len(rest) > 0:
		fmt.Fprintf(stderr, "optin completion: unknown argument %q\n", rest[0])
		return exitUsage
	}
	var b bytes.Buffer
	write(&b, allCompleted())
	if _, err := b.WriteTo(stdout); err != nil {
		fmt.Fprintln(stderr, "optin completion:", err)
		return exitFailed
	}
	return exitOK
}

// completed is a command as shells complete it.
type completed struct {
	subcommand
	of    string // the command that it is a part of; may be empty
	flags []completedFlag
}

type completedFlag struct {
	name, says string
	takes      string // what its value is, as the help has it; empty: it takes none
}

// isFile reports whether the value of a flag names a file.
func (f completedFlag) isFile() bool { return f.takes == "file" || f.takes == "folder" }

// takesFile reports whether the argument of a command names a file.
func (c completed) takesFile() bool { return c.of == "verify" }

// path is the name of a command with that of the command that it is a part of.
func (c completed) path() string { return strings.TrimPrefix(c.of+" "+c.name, " ") }

// allCompleted returns all commands and, behind each, its own commands.
func allCompleted() (all []completed) {
	for _, g := range commandGroups() {
		for _, c := range g.all {
			one := completed{subcommand: c}
			if len(c.parts) == 0 {
				one.flags = flagsOf(c, "-h")
			}
			all = append(all, one)
			for _, part := range c.parts {
				all = append(all, completed{subcommand{name: part}, c.name, flagsOf(c, part, "-h")})
			}
		}
	}
	return all
}

// flagsOf returns the flags that a command prints as its help.
func flagsOf(c subcommand, args ...string) (all []completedFlag) {
	var b bytes.Buffer
	c.run(context.Background(), args, func(string) (string, bool) { return "", false }, &b, &b)
	for line := range strings.Lines(b.String()) {
		name, isFlag := strings.CutPrefix(line, "  -")
		says, isSaid := strings.CutPrefix(line, "    ")
		switch words := strings.Fields(name); {
		case isFlag && len(words) > 0:
			one := completedFlag{name: "-" + words[0]}
			if len(words) > 1 {
				one.takes = words[1]
			}
			all = append(all, one)
		case isSaid && len(all) > 0:
			said := &all[len(all)-1].says
			*said = strings.TrimSpace(*said + " " + strings.TrimSpace(says))
		}
	}
	return all
}

func completeBash(w io.Writer, all []completed) {
	fmt.Fprint(w, `_optin() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} all= files= file=
  case $COMP_CWORD:${COMP_WORDS[1]} in
`)
	var names []string
	for _, c := range all {
		if c.of == "" {
			names = append(names, c.name)
		}
		if len(c.parts) > 0 {
			fmt.Fprintf(w, "  2:%s) all='%s';;\n", c.name, strings.Join(c.parts, " "))
		}
	}
	fmt.Fprintf(w, "  1:*) all='%s';;\n  esac\n", strings.Join(names, " "))
	fmt.Fprint(w, "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]} \" in\n")
	for _, c := range all {
		if len(c.flags) == 0 {
			continue
		}
		var flags, files []string
		for _, f := range c.flags {
			flags = append(flags, f.name)
			if f.isFile() {
				files = append(files, f.name)
			}
		}
		file := ""
		if c.takesFile() {
			file = "; file=1"
		}
		fmt.Fprintf(w, "  '%s '*) [[ $word == -* ]] && all='%s'; files=' %s '%s;;\n", c.path(),
			strings.Join(flags, " "), strings.Join(files, " "), file)
	}
	fmt.Fprint(w, `  esac
  COMPREPLY=($(compgen -W "$all" -- "$word"))
  if [[ $COMP_CWORD -gt 2 && ( $files == *" $before "* || $file && $word != -* ) ]]; then
    compopt -o default 2>/dev/null
    COMPREPLY=()
  fi
}
complete -F _optin optin
`)
}

func completeZsh(w io.Writer, all []completed) {
	fmt.Fprint(w, "#compdef optin\n_optin() {\n  local -a all=()\n  local files= file=\n  case $CURRENT:$words[2] in\n")
	var names strings.Builder
	for _, c := range all {
		if c.of == "" {
			fmt.Fprintf(&names, "    %s\n", quoted(described(c.name, c.says)))
		}
		if len(c.parts) > 0 {
			fmt.Fprintf(w, "  3:%s) compadd %s; return;;\n", c.name, strings.Join(c.parts, " "))
		}
	}
	fmt.Fprintf(w, "  2:*) all=(\n%s  )\n    _describe command all; return;;\n  esac\n", names.String())
	fmt.Fprint(w, "  case \"$words[2] $words[3] \" in\n")
	for _, c := range all {
		if len(c.flags) == 0 {
			continue
		}
		fmt.Fprintf(w, "  '%s '*) all=(\n", c.path())
		var files []string
		for _, f := range c.flags {
			fmt.Fprintf(w, "    %s\n", quoted(described(f.name, f.says)))
			if f.isFile() {
				files = append(files, f.name)
			}
		}
		file := ""
		if c.takesFile() {
			file = "; file=1"
		}
		fmt.Fprintf(w, "    ); files=' %s '%s;;\n", strings.Join(files, " "), file)
	}
	fmt.Fprint(w, `  esac
  if [[ $files == *" $words[CURRENT-1] "* || $file && $PREFIX != -* ]]; then _files
  elif [[ $PREFIX == -* ]]; then _describe flag all; fi
}
if [[ $funcstack[1] == _optin ]]; then _optin; else compdef _optin optin; fi
`)
}

// described is a word and what it is for, as _describe of zsh takes them.
func described(word, says string) string { return word + ":" + strings.ReplaceAll(says, ":", `\:`) }

func completeFish(w io.Writer, all []completed) {
	fmt.Fprint(w, `function __optin_is
    set -l words (commandline -opc) ""
    switch "$words[2..]"
        case "$argv" "$argv *"
            return 0
    end
    return 1
end
complete -c optin -f
`)
	for _, c := range all {
		is := quoted("__optin_is " + c.path())
		if c.of == "" {
			fmt.Fprintf(w, "complete -c optin -n __fish_use_subcommand -a %s -d %s\n", c.name, quoted(c.says))
		}
		if len(c.parts) > 0 {
			fmt.Fprintf(w, "complete -c optin -n 'test (count (commandline -opc)) = 2; and __optin_is %s' -a %s\n",
				c.name, quoted(strings.Join(c.parts, " ")))
		}
		if c.takesFile() {
			fmt.Fprintf(w, "complete -c optin -n %s -F\n", is)
		}
		for _, f := range c.flags {
			fmt.Fprintf(w, "complete -c optin -n %s -o %s -d %s", is, strings.TrimPrefix(f.name, "-"), quoted(f.says))
			switch {
			case f.isFile():
				fmt.Fprint(w, " -rF")
			case f.takes != "":
				fmt.Fprint(w, " -x")
			}
			fmt.Fprintln(w)
		}
	}
}

// quoted writes a word for a shell. In none of them a quote within quotes means the same, so there is none.
func quoted(text string) string {
	return "'" + strings.NewReplacer("'", "’", `\`, "").Replace(text) + "'"
}
