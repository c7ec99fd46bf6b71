//go:build race

package gitlayout_test

// slowdown is what the race detector costs, which no promise is about.
const slowdown = 10
