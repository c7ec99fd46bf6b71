package gitlayout_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// hand writes YAML as people do, each in a way of their own.
type hand struct {
	t *rapid.T
	// anchors that can be referred to.
	anchors []string
}

func (h *hand) coin(what string) bool { return rapid.Bool().Draw(h.t, what) }

func (h *hand) comment(indent string) []string {
	if rapid.IntRange(0, 4).Draw(h.t, "comment") != 0 {
		return nil
	}
	return []string{indent + rapid.SampledFrom([]string{"# a: comment", "#", "# é 日本 - x", "", "   "}).Draw(h.t, "remark")}
}

func (h *hand) scalar() string {
	return rapid.SampledFrom([]string{
		"1", "-3.5", "0x1f", "1e3", "true", "no", "~", "null", "plain text", "a:b", "'single # quoted'", `"double \" quoted"`, `"\u00e9"`, "é", "日本", "100m", "2001-01-01", "''", `""`, "[]", "{}",
	}).Draw(h.t, "scalar")
}

func (h *hand) flow(depth int) string {
	if depth == 0 || h.coin("flow scalar") {
		return h.scalar()
	}
	n := rapid.IntRange(0, 3).Draw(h.t, "flow length")
	var parts []string
	for i := range n {
		if n%2 == 0 {
			parts = append(parts, fmt.Sprintf("k%d: %s", i, h.flow(depth-1)))
		} else {
			parts = append(parts, h.flow(depth-1))
		}
	}
	if n%2 == 0 {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// value returns what stands behind a key or a dash, and the lines below.
func (h *hand) value(indent string, depth int) (string, []string) {
	kind := rapid.IntRange(0, 7).Draw(h.t, "kind")
	if depth == 0 {
		kind = min(kind, 3)
	}
	switch kind {
	case 0:
		header := rapid.SampledFrom([]string{"|", "|-", "|+", ">", ">-", "|2"}).Draw(h.t, "block")
		return header, []string{indent + "  text", indent + "  # no comment", "", indent + "  k: more"}
	case 1:
		return h.flow(2), nil
	case 2:
		if len(h.anchors) > 0 && h.coin("alias") {
			return "*" + rapid.SampledFrom(h.anchors).Draw(h.t, "of"), nil
		}
		return h.scalar(), nil
	case 3:
		text := h.scalar()
		if h.coin("remark") {
			text += "   # remark"
		}
		return text, nil
	case 4, 5:
		anchor := ""
		if h.coin("anchor") {
			name := fmt.Sprintf("x%d", len(h.anchors))
			anchor = "&" + name
			defer func() { h.anchors = append(h.anchors, name) }()
		}
		return anchor, h.mapping(indent+rapid.SampledFrom([]string{"  ", "    ", " "}).Draw(h.t, "step"), depth-1)
	default:
		return "", h.list(indent+rapid.SampledFrom([]string{"  ", "    "}).Draw(h.t, "step"), depth-1)
	}
}

func (h *hand) mapping(indent string, depth int) []string {
	var lines []string
	for i := range rapid.IntRange(1, 4).Draw(h.t, "keys") {
		lines = append(lines, h.comment(indent)...)
		key := rapid.SampledFrom([]string{"a%d", `"q %d"`, "'s%d'", "é%d", "yes%d"}).Draw(h.t, "key")
		head, below := h.value(indent, depth)
		if head != "" {
			head = " " + head
		}
		lines = append(append(lines, indent+fmt.Sprintf(key, i)+":"+head), below...)
	}
	return lines
}

func (h *hand) list(indent string, depth int) []string {
	var lines []string
	for range rapid.IntRange(1, 4).Draw(h.t, "items") {
		lines = append(lines, h.comment(indent)...)
		if depth > 0 && h.coin("mapping") {
			inner := h.mapping(indent+"  ", depth-1)
			if strings.HasPrefix(strings.TrimSpace(inner[0]), "#") || strings.TrimSpace(inner[0]) == "" {
				inner = inner[1:]
			}
			inner[0] = indent + "- " + strings.TrimLeft(inner[0], " ")
			lines = append(lines, inner...)
			continue
		}
		head, below := h.value(indent, 0)
		lines = append(append(lines, indent+"- "+head), below...)
	}
	return lines
}

func (h *hand) document() string {
	end := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(h.t, "end")
	text := strings.Join(append(h.mapping("", 3), h.comment("")...), end)
	if h.coin("last end") {
		text += end
	}
	if h.coin("mark") {
		text = "---" + end + text
	}
	return text
}

// altered is a value with something in it changed, added or taken away, and the keys that lead there.
func altered(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		keys := slices.Sorted(maps.Keys(v))
		switch what := rapid.IntRange(0, 5).Draw(t, "edit"); {
		case what == 0 || len(keys) == 0:
			out["new key"] = value(2).Draw(t, "new")
		case what == 1:
			delete(out, rapid.SampledFrom(keys).Draw(t, "gone"))
		default:
			k := rapid.SampledFrom(keys).Draw(t, "at")
			out[k] = altered(t, v[k])
		}
		return out
	case []any:
		out := slices.Clone(v)
		i := rapid.IntRange(0, len(v)).Draw(t, "item")
		switch what := rapid.IntRange(0, 3).Draw(t, "edit"); {
		case what == 0 || i == len(v):
			out = slices.Insert(out, i, value(1).Draw(t, "new"))
		case what == 1:
			out = slices.Delete(out, i, i+1)
		default:
			out[i] = altered(t, v[i])
		}
		return out
	}
	return value(2).Draw(t, "other")
}

// Whatever people write: an edit says what was asked or is refused, and the lines of other settings stay as they are.
func TestEditOfWhatPeopleWrite(t *testing.T) {
	edited, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		old := (&hand{t: t}).document()
		before, err := gitlayout.ReadValues(gitlayout.Helm, []byte(old), nil)
		if err != nil {
			t.Skip("no YAML")
		}
		a := shop()
		a.Values = before
		if same, err := gitlayout.EditValues(a, []byte(old)); err != nil || string(same) != old {
			t.Fatalf("no change, but from\n%s\nto\n%s\n%v", old, same, err)
		}
		a.Values = altered(t, before).(map[string]any)
		got, err := gitlayout.EditValues(a, []byte(old))
		var no *gitlayout.NotEditableError
		if errors.As(err, &no) {
			refused++
			return
		}
		edited++
		if err != nil {
			t.Fatal(err)
		}
		if after, err := gitlayout.ReadValues(gitlayout.Helm, got, nil); err != nil || !gitlayout.SameValues(after, a.Values) {
			t.Fatalf("from\n%s\nto\n%s\nread %#v, %v", old, got, after, err)
		}
		if missing := lost(old, string(got), changedKeys(before, a.Values)); missing != "" {
			t.Fatalf("from\n%s\nto\n%s\nlost %q", old, got, missing)
		}
	})
	t.Logf("%d edited, %d refused", edited, refused)
	if refused*5 > edited {
		t.Errorf("%d of %d edits were refused", refused, edited+refused)
	}
}

func changedKeys(a, b map[string]any) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		if now, ok := b[k]; !ok || !gitlayout.SameValues(map[string]any{"": a[k]}, map[string]any{"": now}) {
			out[k] = true
		}
	}
	return out
}

// lost is a line below the outermost keys that stay which is no longer there, or not in its order.
func lost(old, now string, changed map[string]bool) string {
	rest := strings.SplitAfter(now, "\n")
	skip := false
	for line := range strings.Lines(old) {
		if text := strings.TrimSpace(line); text == "---" || text == "" || strings.HasPrefix(text, "#") {
			if skip || text == "" || line[0] == '#' { // a comment goes with its key, and with what stands between
				continue
			}
		} else if line[0] != ' ' && line[0] != '-' {
			m, err := gitlayout.ReadValues(gitlayout.Helm, []byte(strings.SplitAfter(line, ":")[0]+" 0"), nil)
			if err != nil {
				return ""
			}
			for k := range m {
				skip = changed[k]
			}
		}
		if skip {
			continue
		}
		i := slices.IndexFunc(rest, func(l string) bool { return strings.TrimRight(l, "\r\n") == strings.TrimRight(line, "\r\n") })
		if i < 0 {
			return line
		}
		rest = rest[i+1:]
	}
	return ""
}

// What is made to be slow or large is refused at once.
func TestHostileFiles(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	merges := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "m%d: &m%d\n  k%d: 1\n", i, i, i)
			if i > 0 {
				fmt.Fprintf(&b, "  <<: *m%d\n", i-1)
			}
		}
		return b.String()
	}
	var anchors, deep strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&anchors, "- &n%d x\n", i)
	}
	for i := range 600 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, text := range map[string]string{
		"alias bomb": bomb, "merges": merges(700), "more merges": merges(2000), "most merges": merges(7000), "flow": "a: " + strings.Repeat("[", 200_000), "flow maps": "a: " + strings.Repeat("{a: ", 50_000), "deep": deep.String(), "large": strings.Repeat("# x\n", 1<<20),
		"duplicate": "a: 1\na: 2\n", "number": "a: 1" + strings.Repeat("0", 200_000) + "\n", "exponent": "a: 1e999999999\n", "infinite": "a: .inf\n", "NUL": "a: \x00\n", "UTF-8": "a: \xff\xfe\n",
		"keys": strings.Repeat("? ", 100_000), "anchors": "x:\n" + anchors.String(), "dashes": strings.Repeat("- ", 100_000), "quote": "a: \"" + strings.Repeat("x\\\n", 60_000), "tag": "a: !!binary x\n", "tags": "a: !<" + strings.Repeat("x", 100_000) + "> 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			began := worked(t)
			a := shop()
			var got []byte
			var err, pinErr error
			peak := peakOf(func() {
				got, err = gitlayout.EditValues(a, []byte(text))
				_, pinErr = gitlayout.ReadApplication([]byte(text))
			})
			if pinErr == nil {
				t.Error("it was taken for an Application")
			}
			if took := worked(t) - began; took > slowdown*time.Second {
				t.Errorf("it took %v of a processor", took)
			}
			if peak > 64<<20 {
				t.Errorf("it held %d MiB", peak>>20)
			}
			if err == nil {
				if v, err := gitlayout.ReadValues(gitlayout.Helm, got, nil); err != nil || !gitlayout.SameValues(v, a.Values) {
					t.Errorf("it was edited to %.100q, %v", got, err)
				}
			}
		})
	}
}

// worked is how much time of a processor this process has taken, whoever else wants one.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakOf is how much memory f held at most, beyond what was held before.
func peakOf(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for look := time.NewTicker(time.Millisecond); ; {
		select {
		case <-done:
			look.Stop()
			return peak - before
		case <-look.C:
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
}

func FuzzEdit(f *testing.F) {
	for _, s := range []string{"a: 1\n", "a:\n  - b: [1, {c: d}]\n  # x\n  - |\n    y\n", "<<: &a {b: 1}\nc: *a\n", "? a\n: b\n", "\"a\": 'b' # c\r\nd: >+\r\n  e\r\n\r\n", "a: !!int '1'\n---\nb: 1\n"} {
		f.Add([]byte(s), "a", "b")
	}
	f.Fuzz(func(t *testing.T, old []byte, key, text string) {
		before, err := gitlayout.ReadValues(gitlayout.Helm, old, nil)
		if err != nil {
			return
		}
		a := shop()
		a.Values = maps.Clone(before)
		if same, err := gitlayout.EditValues(a, old); err == nil && string(same) != string(old) {
			t.Fatalf("no change, but %q became %q", old, same)
		}
		a.Values[key] = []any{text, map[string]any{text: text}}
		got, err := gitlayout.EditValues(a, old)
		var refused *gitlayout.NotEditableError
		if errors.As(err, &refused) {
			return
		}
		if after, readErr := gitlayout.ReadValues(gitlayout.Helm, got, nil); err != nil || readErr != nil || !gitlayout.SameValues(after, a.Values) {
			t.Fatalf("%q became %q: %v, %v", old, got, err, readErr)
		}
	})
}
