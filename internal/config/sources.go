package config

import "strings"

// sourced is a secret and the place to name when something is wrong with it: its key, or the key of its file.
type sourced struct {
	at    value
	where string // put before what is wrong with the text
	text  string
	ok    bool // false: a problem was noted
}

// What is wrong with a file's content is told of the key that names the file.
const (
	inFile     = "names a file whose content "
	inFileLine = "names a file in which a line "
)

// secret reads a secret from key, or from the file that key_file names. given is false when there is neither.
func (g group) secret(key string) (s sourced, given bool) {
	plain, file := g.get(key), g.get(key+"_file")
	switch {
	case plain.given() && file.given():
		return sourced{at: file, ok: file.fail("is given together with %s; keep one of the two", key)}, true
	case plain.given():
		return plain.plainSecret(), true
	case file.given():
		return file.secretFile(), true
	}
	return sourced{at: plain}, false
}

// needed is secret for one that must be there.
func (g group) needed(key string) sourced {
	s, given := g.secret(key)
	if !given {
		s.at.fail("is missing; give %s, or %s_file with the name of a file", key, key)
	}
	return s
}

// neededList is needed for one secret or a list of them; key_file then names one file or several.
func (g group) neededList(key string) (all []sourced) {
	plain, file := g.get(key), g.get(key+"_file")
	if !file.given() && plain.given() {
		for _, v := range plain.items() {
			all = append(all, v.plainSecret())
		}
		return all
	}
	if file.given() && !plain.given() {
		for _, v := range file.items() {
			all = append(all, v.secretFile())
		}
		return all
	}
	return []sourced{g.needed(key)} // both or neither: it says so
}

// plainSecret takes a secret that stands in the configuration, or in a variable.
func (v value) plainSecret() sourced {
	if !v.given() {
		return sourced{at: v, ok: v.fail("is missing")}
	}
	text, ok := v.text()
	return sourced{at: v.onNode(), text: text, ok: ok}
}

// secretFile takes a secret from the file that v names, without the newline at its end.
func (v value) secretFile() sourced {
	name := v.plainSecret()
	if !name.ok {
		return name
	}
	text, ok := name.at.fileAt(name.text)
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	return sourced{at: name.at, where: inFile, text: text, ok: ok}
}

// secretLines takes one secret from each line of the file that v names; empty lines do not count.
func (v value) secretLines() []sourced {
	all := v.secretFile()
	if !all.ok {
		return nil
	}
	var lines []sourced
	for line := range strings.Lines(all.text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, sourced{at: all.at, where: inFileLine, text: line, ok: true})
		}
	}
	if len(lines) == 0 {
		all.at.fail("names a file without any key; write one per line")
	}
	return lines
}
