package expression

import "sync"

// cache keeps compiled expressions: compiling one costs a thousand times what running it does, and the versions of a
// Blueprint mostly say the same.
var cache = compiled{programs: map[string]entry{}}

// maxCached bounds what strangers can make us keep.
const maxCached = 1024

type compiled struct {
	mu       sync.Mutex
	programs map[string]entry
}

type entry struct {
	program *program
	err     error
}

func (c *compiled) get(source string) (*program, error) {
	c.mu.Lock()
	e, ok := c.programs[source]
	c.mu.Unlock()
	if ok {
		return e.program, e.err
	}
	e.program, e.err = compile(source)
	if len(source) > 4*maxLength {
		return e.program, e.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.programs) >= maxCached {
		clear(c.programs)
	}
	c.programs[source] = e
	return e.program, e.err
}
