package blueprint

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a stranger's document may cost until it is refused.
const (
	mostTime   = time.Second * slowdown
	mostMemory = 64 << 20
)

// cheap runs f and fails when it costs more than that. All that is allocated counts, whether it is still in use or not.
func cheap(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	runtime.LockOSThread() // its own time, whatever else the machine does
	defer runtime.UnlockOSThread()
	start := threadTime(t)
	f()
	took := threadTime(t) - start
	runtime.ReadMemStats(&after)
	if took > mostTime {
		t.Errorf("took %v", took)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > mostMemory {
		t.Errorf("used %d MiB", used>>20)
	}
}

func threadTime(t *testing.T) time.Duration {
	t.Helper()
	const thisThread = 1 // RUSAGE_THREAD of Linux
	var usage syscall.Rusage
	if err := syscall.Getrusage(thisThread, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// full fills a document of the largest size that is read at all.
func full(head, piece, tail string) string {
	return head + strings.Repeat(piece, (MaxDocumentSize-len(head)-len(tail))/len(piece)) + tail
}

func TestHostileDocuments(t *testing.T) {
	quadratic := "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.Repeat("*a,", 100_000) + "]\n"
	for _, tc := range []struct{ reason, doc string }{
		{"100 MB", strings.Repeat("a", 100<<20)},
		{"quadratic aliases", quadratic},
		{"deep in flow", full("a: ", "[", "")},
		{"deep mappings in flow", full("a: ", "{a: ", "")},
		{"deep by indentation", deepMapping(1200)},
		{"deep by dashes", full("", "- ", "a")},
		{"deep by question marks", full("", "? ", "a")},
		{"many values", full("a: [", "x,", "]")},
		{"many empty values", full("a: [", "[],", "]")},
		{"many keys", full("", "? a\n", "")},
		{"many lines", full("a:\n", "- x\n", "")},
		{"many colons", full("a: {", "::,", "}")},
		{"many anchors", full("a: [", "&a x,", "]")},
		{"many tags", full("a: [", "! x,", "]")},
		{"many documents", full("", "---\n", "")},
		{"many directives", full("", "%TAG ! a\n", "")},
		{"many comments", full("a: [", "#\n", "]")},
		{"many quotes", full("a: [", `"",`, "]")},
		{"an open quote", full("a: \"", "x\n ", "")},
		{"many escapes", full("a: \"", `\u00e9`, "")},
		{"a long key", full("", "a", ": b: c")},
		{"many duplicate keys", full("", "a: b\n", "")},
		{"huge numbers", full("spec: {configSchema: {maximum: 1", "0", "}}")},
		{"a huge exponent", "spec: {configSchema: {maximum: 1e999999999}}"},
		{"NUL", full("kind: ", "\x00", "")},
		{"bad UTF-8", full("kind: ", "\xff", "")},
		{"tabs", full("a:", "\t", "b: c: d")},
		{"block text", full("a: |\n", "  x\n", "\x01")},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			doc := []byte(tc.doc)
			cheap(t, func() {
				b, err := Parse(doc)
				if err == nil {
					err = b.Validate()
				}
				if err == nil {
					t.Error("it is accepted")
				} else if len(err.Error()) > 10_000 {
					t.Errorf("the message has %d characters", len(err.Error()))
				}
			})
		})
	}
}

func TestHostileSchemas(t *testing.T) {
	head := good[:strings.Index(good, "  configSchema:")] + "  configSchema:\n    type: object\n"
	tail := "  manifests: {engine: helm, path: chart}\n"
	chain := "    $ref: '#/$defs/d0'\n    $defs:\n"
	for i := range 10_000 {
		chain += fmt.Sprintf("      d%d: {$ref: '#/$defs/d%d'}\n", i, i+1)
	}
	fan := "    allOf: [{$ref: '#/$defs/d0'}]\n    $defs:\n"
	for i := range 30 {
		fan += fmt.Sprintf("      d%d: {allOf: [{$ref: '#/$defs/d%d'}, {$ref: '#/$defs/d%d'}]}\n", i, i+1, i+1)
	}
	fan += "      d30: {properties: {a: {default: 1}}}\n"
	property := func(schema string) string { return "    properties: {a: " + schema + "}\n" }
	for _, tc := range []struct {
		reason, schema string
		accepted       bool // it may be, as long as it costs little
	}{
		{"a file", property("{$ref: 'file:///etc/passwd'}"), false},
		{"a page", property("{$ref: 'http://example.com/schema.json'}"), false},
		{"link-local", property("{$ref: 'http://169.254.169.254/latest/meta-data'}"), false},
		{"a relative address", property("{$ref: 'other.json'}"), false},
		{"another base", "    $id: http://169.254.169.254/\n" + property("{$ref: 'x'}"), false},
		{"a dynamic reference outside", property("{$dynamicRef: 'http://example.com/#x'}"), false},
		{"another dialect", "    $schema: http://169.254.169.254/\n", false},
		{"itself", "    $ref: '#'\n", true},
		{"itself below", property("{$ref: '#'}"), true},
		{"a circle", "    $ref: '#/$defs/a'\n    $defs: {a: {$ref: '#/$defs/b'}, b: {$ref: '#/$defs/a'}}\n", true},
		{"10,000 references deep", chain, true},
		{"a fan of references", fan, true},
		{"lookahead", property("{type: string, pattern: '^(?=a)'}"), false},
		{"a pattern that explodes", property("{type: string, pattern: '^((a{900}){900}){900}$'}"), false},
		{"a pattern of many names", property("{type: string, pattern: '" + strings.Repeat(`\\pL`, 900) + "'}"), false},
		{"a pattern of many classes", property("{type: string, pattern: '" + strings.Repeat(`\pL`, 330) + "'}"), true},
		{"nested classes repeated", property(`{type: string, pattern: '(\pL{100}){90}'}`), true},
		{"a pattern that backtracks elsewhere", property("{type: string, pattern: '^(a+)+$', default: '" + strings.Repeat("a", 50_000) + "!'}"), false},
		{"many properties", "    properties:\n" + manyProperties(8000), true},
		{"a huge enum", property("{enum: [" + strings.Repeat("1,", 40_000) + "1]}"), true},
		{"a huge number", property("{multipleOf: 1e-300, default: 1e300}"), true},
		{"unique entries", property("{uniqueItems: true, default: [" + numbers(5000) + "]}"), true},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			cheap(t, func() {
				b, err := Parse([]byte(head + tc.schema + tail))
				if err == nil {
					err = b.Validate()
				}
				if err == nil {
					b.Settings(map[string]any{"a": map[string]any{"a": "a"}})
				}
				if err == nil && !tc.accepted {
					t.Error("it is accepted")
				}
				if err != nil && (strings.Contains(err.Error(), "root:") || len(err.Error()) > 10_000) {
					t.Errorf("the message has %d characters, or leaks a file", len(err.Error()))
				}
			})
		})
	}
}

func manyProperties(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      p%d: {type: string, minLength: 1, default: x}\n", i)
	}
	return b.String()
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()
}
