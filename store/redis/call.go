package redis

import (
	"fmt"
	"slices"
)

// call is what is sent as one command: what one caller asks for, or what several ask of a script of many.
type call struct {
	asked
	others []asked
}

// asked is a command that a caller asks for.
type asked struct {
	*request
	nth   int // the command, of those of the request
	place int // of its reply, among those of the batch
}

func (a asked) command() *command { return &a.commands[a.nth] }

// appendCalls appends what a batch is sent as, and returns how many commands it is. Changes of records of one shard are
// one call.
func appendCalls(calls []call, batch []*request) (all []call, commands int) {
	for _, r := range batch {
		for n := range r.commands {
			a := asked{r, n, commands}
			commands++
			if at := slices.IndexFunc(calls, func(c call) bool { return c.joins(a) }); at >= 0 {
				calls[at].others = append(calls[at].others, a)
			} else {
				calls = append(calls, call{asked: a})
			}
		}
	}
	return calls, commands
}

// joins reports whether one call can do both.
func (a asked) joins(other asked) bool {
	x, y := a.command(), other.command()
	n := x.script.many
	return n > 0 && x.script.sha == y.script.sha && a.body == other.body && slices.Equal(x.keys[:n], y.keys[:n])
}

// words returns the call as the client takes it: by pointers, which need no memory of their own, but for the first key,
// which the client of a Cluster reads.
func (c *call) words() []any {
	first := c.command()
	if first.plain != nil {
		return first.plain
	}
	keys, size := len(first.keys), 4+len(first.keys)+len(first.args)
	for _, a := range c.others {
		own := len(a.command().keys) - first.script.many
		keys, size = keys+own, size+own+1+len(a.command().args)
	}
	words := make([]any, 0, size)
	if c.body {
		words = append(words, "eval", &first.script.body, keys)
	} else {
		words = append(words, "evalsha", &first.script.sha, keys)
	}
	for i := range first.keys {
		if i == 0 {
			words = append(words, first.keys[i])
		} else {
			words = append(words, &first.keys[i])
		}
	}
	for _, a := range c.others {
		own := a.command().keys[first.script.many:]
		for i := range own {
			words = append(words, &own[i])
		}
	}
	words = c.addArguments(words)
	for _, a := range c.others {
		words = a.addArguments(words)
	}
	return words
}

func (a asked) addArguments(words []any) []any {
	if a.repeated {
		words = append(words, "1")
	} else {
		words = append(words, "0")
	}
	args := a.command().args
	for i := range args {
		words = append(words, &args[i])
	}
	return words
}

// share puts what a server replied to a call into the places of the commands that it is for.
func (c *call) share(r reply, replies []reply) {
	if c.command().script.many == 0 {
		replies[c.place] = r
		return
	}
	list := flat(r.value)
	if r.err == nil && len(list) != 1+len(c.others) {
		r.err = fmt.Errorf("a script replied with %d values, not %d", len(list), 1+len(c.others))
	}
	one := func(a asked, i int) {
		if r.err != nil {
			replies[a.place] = reply{err: r.err}
		} else if err, failed := list[i].(error); failed {
			replies[a.place] = reply{err: err}
		} else {
			replies[a.place] = reply{value: list[i]}
		}
	}
	one(c.asked, 0)
	for i, a := range c.others {
		one(a, 1+i)
	}
}
