package config

// required reads a value that must be there.
func required[T any](v value, parse func(string) (T, error)) T {
	if !v.given() {
		v.fail("is missing")
		return *new(T)
	}
	return optional(v, "", parse)
}

// optional reads a value or, when it is left out, what stands in defaults.go; with an empty default that is T's zero.
func optional[T any](v value, ifLeftOut string, parse func(string) (T, error)) T {
	s, ok := ifLeftOut, true
	if v.given() {
		s, ok = v.text()
	} else if s == "" {
		ok = false
	}
	if !ok {
		return *new(T)
	}
	t, err := parse(s)
	if err != nil {
		v.onNode().fail("%s", err.Error())
		return *new(T)
	}
	return t
}

// each reads every item of a list.
func each[T any](items []value, parse func(string) (T, error)) []T {
	var all []T
	for _, item := range items {
		all = append(all, required(item, parse))
	}
	return all
}

// checked parses a secret that is there.
func checked[T any](s sourced, parse func(string) (T, error)) T {
	if !s.ok {
		return *new(T)
	}
	t, err := parse(s.text)
	if err != nil {
		s.at.fail("%s%s", s.where, err.Error())
		return *new(T)
	}
	return t
}
