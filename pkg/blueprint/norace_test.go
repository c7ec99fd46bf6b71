//go:build !race

package blueprint

// slowdown is what the race detector costs: nothing, without it.
const slowdown = 1
