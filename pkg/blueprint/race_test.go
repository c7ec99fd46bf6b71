//go:build race

package blueprint

// slowdown is what the race detector costs, which no promise is about.
const slowdown = 10
