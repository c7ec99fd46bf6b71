package environment

import (
	"fmt"
	"maps"
	"slices"
)

// knowledge is what this process knows of one Environment. It is made anew by looking.
type knowledge struct {
	running  map[string]bool
	declared map[string]Declaration
	left     []Left
	// whole is false as long as this process has not looked at all of the Environment.
	whole bool
}

func (n *knowledge) gone(app string) {
	delete(n.running, app)
	delete(n.declared, app)
}

// order is what the Applications wait for. One that was not read yet, or cannot be read, waits for what it waits for now.
func (n *knowledge) order(running []Running) Order {
	declared, inForce, here := map[string][]string{}, map[string][]string{}, map[string]bool{}
	for _, r := range running {
		here[r.Name], inForce[r.Name], declared[r.Name] = true, r.Waits, r.Waits
	}
	for app, d := range n.declared {
		here[app] = true
		if d.Problem != "" {
			continue
		}
		declared[app] = nil
		for _, dep := range d.Dependencies {
			declared[app] = append(declared[app], dep.Application)
		}
	}
	return MakeOrder(declared, inForce, here)
}

// Count is the number of Applications that run in an Environment; whole is false as long as this process has not
// looked at all of them.
func (k *Keeper) Count(env string) (n int32, whole bool) {
	k.with(env, func(known *knowledge) {
		n, whole = int32(len(known.running)), known.whole //nolint:gosec // never that many
	})
	return n, whole
}

// Unmet says in words what dependencies of an Environment are not heeded, and which cannot be read.
func (k *Keeper) Unmet(env string) []string {
	var out []string
	k.with(env, func(n *knowledge) {
		for _, l := range n.left {
			out = append(out, l.Why)
		}
		for _, app := range slices.Sorted(maps.Keys(n.declared)) {
			if p := n.declared[app].Problem; p != "" {
				out = append(out, fmt.Sprintf("%s: %s", app, p))
			}
		}
	})
	return out
}

// Forget drops what is known of an Environment that is no more.
func (k *Keeper) Forget(env string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, env)
}

func (k *Keeper) with(env string, f func(*knowledge)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.known[env]
	if n == nil {
		n = &knowledge{running: map[string]bool{}, declared: map[string]Declaration{}}
		k.known[env] = n
	}
	f(n)
}
