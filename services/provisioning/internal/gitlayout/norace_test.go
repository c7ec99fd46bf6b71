//go:build !race

package gitlayout_test

// slowdown is what the race detector costs: nothing, without it.
const slowdown = 1
