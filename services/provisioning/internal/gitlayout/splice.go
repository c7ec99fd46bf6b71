package gitlayout

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// part is one key of a mapping or one item of a sequence: the lines from .. end, of which those before start are the
// comments above it.
type part struct {
	key, value       *yaml.Node
	name             string
	from, start, end int
}

func (e *editor) refuse(n *yaml.Node, format string, args ...any) error {
	out := &NotEditableError{File: e.file, Reason: fmt.Sprintf(format, args...)}
	if n != nil {
		out.Line = n.Line
	}
	return out
}

// root changes a whole document.
func (e *editor) root(n *yaml.Node, before, after map[string]any) ([]string, error) {
	if n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		if len(e.lines) == 0 && e.empty != "" {
			e.lines, e.openEnd = cutLines(e.empty), false
		}
		if n != nil && n.Value != "" {
			return nil, e.refuse(n, "it says nothing but %q", n.Value)
		}
		return append(slices.Clone(e.lines), e.fresh(0, after, e.newKeys(nil, after, e.order), e.about)...), nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, e.refuse(n, "it is no mapping")
	}
	if len(n.Content) == 0 || n.Style&yaml.FlowStyle != 0 {
		return e.flowRoot(n, after)
	}
	return e.mapping(n, 0, len(e.lines), before, after, e.order, e.about)
}

// flowRoot writes a document such as {} or {a: 1} with a line for each key.
func (e *editor) flowRoot(n *yaml.Node, after map[string]any) ([]string, error) {
	from, to := n.Line-1, len(e.lines)
	for to > from+1 && remarkOrBlank(e.lines[to-1]) {
		to--
	}
	if commented(n) || n.Column != 1 {
		return nil, e.refuse(n, "it is written in braces with comments between them")
	}
	fresh := e.fresh(0, after, e.newKeys(nil, after, e.order), e.about)
	return slices.Concat(e.lines[:from], fresh, e.lines[to:]), nil
}

// mapping returns the lines from .. to, which hold a mapping, once it says what after does.
func (e *editor) mapping(n *yaml.Node, from, to int, before, after map[string]any, order []string, about map[string]string) ([]string, error) {
	parts, tail, err := e.parts(n, from, to)
	if err != nil {
		return nil, err
	}
	indent := n.Content[0].Column - 1
	prefix := e.lead(parts[0].start, indent)
	done := map[string]bool{}
	for _, p := range parts {
		done[p.name] = true
	}
	fresh := e.newKeys(done, after, order)
	var out []string
	for i, p := range parts {
		was, known := before[p.name]
		now, keep := after[p.name]
		switch {
		case known && !keep:
			out = e.leave(out, p, i, about[p.name])
		case !known || equal(was, now):
			out = append(out, e.lines[p.from:p.end]...)
		default:
			changed, err := e.change(p, indent, was, now)
			if err != nil {
				return nil, err
			}
			out = append(append(out, e.lines[p.from:p.start]...), changed...)
		}
		fresh = slices.DeleteFunc(fresh, func(k string) bool {
			if !e.behind(k, p.name, done) {
				return false
			}
			out = append(out, e.fresh(indent, after, []string{k}, about)...)
			return true
		})
	}
	out = append(out, e.fresh(indent, after, fresh, about)...)
	out = append(out, e.lines[tail:to]...)
	return e.led(n, out, prefix, indent)
}

// behind tells whether a new key goes right behind another one.
func (e *editor) behind(key, other string, there map[string]bool) bool {
	for _, name := range e.after[key] {
		if there[name] {
			return name == other
		}
	}
	return false
}

// sequence does the same for a list.
func (e *editor) sequence(n *yaml.Node, from, to int, was, now []any) ([]string, error) {
	parts, tail, err := e.parts(n, from, to)
	if err != nil || len(parts) != len(was) {
		return nil, e.refuse(n, "a list in it cannot be edited item by item")
	}
	indent := n.Column - 1
	prefix := e.lead(parts[0].start, indent)
	var out []string
	for _, s := range steps(was, now) {
		switch {
		case s.old < 0:
			out = append(out, e.ended(sequence(indent, now[s.new:s.new+1]))...)
		case s.new < 0:
			out = e.leave(out, parts[s.old], s.old, "")
		case equal(was[s.old], now[s.new]):
			out = append(out, e.lines[parts[s.old].from:parts[s.old].end]...)
		default:
			p := parts[s.old]
			changed, err := e.item(p, indent, was[s.old], now[s.new])
			if err != nil {
				return nil, err
			}
			out = append(append(out, e.lines[p.from:p.start]...), changed...)
		}
	}
	return e.led(n, append(out, e.lines[tail:to]...), prefix, indent)
}

// lead is what stands before the first part on its own line, such as the dash of an item that is a mapping.
func (e *editor) lead(line, indent int) string {
	text := e.lines[line]
	if indent > len(text) {
		return ""
	}
	return text[:indent]
}

// led puts it back before what is the first part now.
func (e *editor) led(n *yaml.Node, lines []string, prefix string, indent int) ([]string, error) {
	if strings.TrimSpace(prefix) == "" {
		return lines, nil
	}
	if len(lines) == 0 || len(lines[0]) < indent || strings.TrimSpace(strings.ReplaceAll(lines[0][:indent], "-", "")) != "" || remarkOrBlank(lines[0]) {
		return nil, e.refuse(n, "the first key of an item goes")
	}
	lines[0] = prefix + lines[0][indent:]
	return lines, nil
}

// parts finds the lines of each part of a mapping or sequence between two lines, and where the last part ends.
func (e *editor) parts(n *yaml.Node, from, to int) ([]part, int, error) {
	var parts []part
	if n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		return nil, 0, e.refuse(n, "it is written in braces")
	}
	column := n.Column
	if n.Kind == yaml.MappingNode {
		column = n.Content[0].Column
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			name, ok := keyOf(k)
			if !ok {
				return nil, 0, e.refuse(k, "this key cannot be edited")
			}
			parts = append(parts, part{key: k, value: n.Content[i+1], name: name, start: k.Line - 1})
		}
	} else {
		for _, v := range n.Content {
			parts = append(parts, part{value: v, start: e.dash(v.Line-1, from, column)})
		}
	}
	for i, p := range parts {
		if p.start < from || p.start >= to || i > 0 && (p.start <= parts[i-1].start || !e.begins(p, column)) ||
			i == 0 && len(e.lines[p.start]) < column || p.key != nil && p.key.Column != column {
			return nil, 0, e.refuse(p.value, "what stands here cannot be edited line by line")
		}
	}
	for i := range parts {
		if i == 0 {
			parts[i].from = from
			continue
		}
		parts[i].from = e.above(parts[i].start, parts[i-1].start+1, column-1)
		parts[i-1].end = parts[i].from
	}
	last := len(parts) - 1
	parts[last].end = e.above(to, parts[last].start+1, column-1)
	return parts, parts[last].end, nil
}

// begins tells whether nothing stands before a part on its line.
func (e *editor) begins(p part, column int) bool {
	line := e.lines[p.start]
	return len(line) >= column && strings.Trim(line[:column-1], " ") == ""
}

// dash finds the line on which an item begins that says something on a line.
func (e *editor) dash(line, from, column int) int {
	for ; line >= from; line-- {
		if text := e.lines[line]; len(text) >= column && text[column-1] == '-' && (len(text) == column || strings.ContainsAny(text[column:column+1], " \t\r\n")) &&
			strings.Trim(text[:column-1], "- ") == "" {
			return line
		}
	}
	return -1
}

// above is the first of the lines before one that are comments on it or blank.
func (e *editor) above(line, least, indent int) int {
	for line > least {
		text := e.lines[line-1]
		trimmed := strings.TrimSpace(text)
		deep := len(text) - len(strings.TrimLeft(text, " \t"))
		if trimmed != "" && (!strings.HasPrefix(trimmed, "#") && trimmed != "..." || deep > indent) {
			break
		}
		line--
	}
	return line
}

// keeping is how a text is begun that keeps the empty lines at its end.
var keeping = regexp.MustCompile(`[|>][0-9]?\+`)

// leave drops a part with the comments right above it, and the empty lines above those. What stands at the head of a
// file is about the file.
func (e *editor) leave(out []string, p part, i int, about string) []string {
	above := e.lines[p.from:p.start]
	if i == 0 {
		if n := len(above); n > 0 && about != "" && strings.TrimSpace(above[n-1]) == about {
			above = above[:n-1]
		}
		return append(out, above...)
	}
	n := len(above)
	for n > 0 && strings.TrimSpace(above[n-1]) != "" {
		n--
	}
	if n > 0 && !slices.ContainsFunc(out, keeping.MatchString) {
		for n > 0 && strings.TrimSpace(above[n-1]) == "" {
			n--
		}
	}
	return append(out, above[:n]...)
}

// change returns the lines of a key, without the comments above it, whose value is another one.
func (e *editor) change(p part, indent int, was, now any) ([]string, error) {
	if lines, ok, err := e.inside(p, was, now); ok || err != nil {
		return lines, err
	}
	if line, ok := e.scalar(p, now); ok {
		return []string{line}, nil
	}
	if p.value.Style&yaml.FlowStyle != 0 && commented(p.value) {
		return nil, e.refuse(p.value, "it is written in braces with comments between them")
	}
	lines := e.ended(entry(indent, p.name, now))
	if c := p.key.LineComment + p.value.LineComment; c != "" && strings.HasSuffix(strings.TrimRight(e.lines[p.start], " \t"+lineEnds), c) && !strings.HasSuffix(strings.TrimSpace(lines[0]), "|") {
		lines[0] = strings.TrimRight(lines[0], lineEnds) + " " + c + e.end
	}
	return lines, nil
}

// item does the same for an item of a list.
func (e *editor) item(p part, indent int, was, now any) ([]string, error) {
	if lines, ok, err := e.inside(p, was, now); ok || err != nil {
		return lines, err
	}
	if line, ok := e.scalar(p, now); ok {
		return []string{line}, nil
	}
	if p.value.Style&yaml.FlowStyle != 0 && commented(p.value) {
		return nil, e.refuse(p.value, "it is written in braces with comments between them")
	}
	return e.ended(sequence(indent, []any{now})), nil
}

// inside changes a mapping or list part by part, if it stays one.
func (e *editor) inside(p part, was, now any) ([]string, bool, error) {
	n := p.value
	if n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 || n.Kind == yaml.AliasNode {
		return nil, false, nil
	}
	switch now := now.(type) {
	case map[string]any:
		old, ok := was.(map[string]any)
		if n.Kind != yaml.MappingNode || !ok || len(now) == 0 {
			return nil, false, nil
		}
		from := n.Content[0].Line - 1
		if p.key != nil && from == p.start {
			return nil, false, nil
		}
		from = min(from, p.start+1)
		lines, err := e.mapping(n, from, p.end, old, now, e.inner, nil)
		return append(slices.Clone(e.lines[p.start:from]), lines...), true, err
	case []any:
		old, ok := was.([]any)
		if n.Kind != yaml.SequenceNode || !ok || len(now) == 0 {
			return nil, false, nil
		}
		from := min(n.Line-1, p.start+1)
		if p.key != nil && n.Line-1 == p.start { // an anchor or a tag is in the way
			return nil, false, nil
		}
		lines, err := e.sequence(n, from, p.end, old, now)
		return append(slices.Clone(e.lines[p.start:from]), lines...), true, err
	}
	return nil, false, nil
}

// scalar puts a value into the place of another one, if both are on the one line of their key.
func (e *editor) scalar(p part, now any) (string, bool) {
	n := p.value
	if p.end != p.start+1 || n.Line-1 != p.start || nested(now) || n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "", false
	}
	text := scalar(now)
	line := e.lines[p.start]
	at := byteOf(line, n.Column-1)
	if n.Value == "" && n.Style == 0 && n.Kind == yaml.ScalarNode || at <= 0 || at > len(line) { // key: with nothing behind it
		return "", false
	}
	body := strings.TrimRight(line, " \t"+lineEnds)
	end := line[len(body):]
	comment := n.LineComment
	if comment == "" {
		return line[:at] + text + strings.TrimLeft(end, " \t"), true
	}
	rest, ok := strings.CutSuffix(body, comment)
	if !ok || len(rest) < at {
		return "", false
	}
	gap := rest[len(strings.TrimRight(rest, " \t")):]
	if e.remark != nil {
		comment = e.remark(comment)
	}
	return line[:at] + text + gap + comment + end, true
}

func byteOf(line string, runes int) int {
	at := 0
	for range runes {
		_, size := utf8.DecodeRuneInString(line[at:])
		if size == 0 {
			return -1
		}
		at += size
	}
	return at
}

// newKeys are those of after that are not there, in their order.
func (e *editor) newKeys(there map[string]bool, after map[string]any, order []string) []string {
	var out []string
	for _, k := range slices.Concat(order, slices.Sorted(maps.Keys(after))) {
		if _, ok := after[k]; ok && !there[k] && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func (e *editor) fresh(indent int, values map[string]any, keys []string, about map[string]string) []string {
	var out []string
	for _, k := range keys {
		if c := about[k]; c != "" {
			out = append(out, c)
		}
		out = append(out, entry(indent, k, values[k])...)
	}
	return e.ended(out)
}

func (e *editor) ended(lines []string) []string {
	for i := range lines {
		lines[i] += e.end
	}
	return lines
}

// keyOf is the name that a key has for those who read the document.
func keyOf(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "", false
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 || n.Value == "<<" {
		return n.Value, true
	}
	m, err := readYAML([]byte(n.Value + ": 0\n"))
	if err != nil || len(m) != 1 {
		return "", false
	}
	for k := range m {
		return k, true
	}
	return "", false
}

// commented tells whether there is a comment anywhere in a value.
func commented(n *yaml.Node) bool {
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool {
		return c.HeadComment+c.LineComment+c.FootComment != "" || commented(c)
	})
}

func remarkOrBlank(line string) bool {
	t := strings.TrimSpace(line)
	return t == "" || strings.HasPrefix(t, "#")
}

// step keeps, changes, drops or adds an item; -1 stands for no item.
type step struct{ old, new int }

// maxCompared is how many pairs of items are compared; longer lists are compared at both ends only.
const maxCompared = 1 << 16

// steps leads from one list to another, with as many items as possible that stay.
func steps(was, now []any) []step {
	var out []step
	head := 0
	for head < len(was) && head < len(now) && equal(was[head], now[head]) {
		out = append(out, step{head, head})
		head++
	}
	tail := 0
	for tail < len(was)-head && tail < len(now)-head && equal(was[len(was)-1-tail], now[len(now)-1-tail]) {
		tail++
	}
	i, j := head, head
	for _, same := range common(was[head:len(was)-tail], now[head:len(now)-tail]) {
		out = append(out, between(i, head+same.old, j, head+same.new)...)
		out = append(out, step{head + same.old, head + same.new})
		i, j = head+same.old+1, head+same.new+1
	}
	out = append(out, between(i, len(was)-tail, j, len(now)-tail)...)
	for t := tail; t > 0; t-- {
		out = append(out, step{len(was) - t, len(now) - t})
	}
	return out
}

// between pairs what has no equal: the first with the first, and the rest goes or comes.
func between(i, iEnd, j, jEnd int) []step {
	var out []step
	for ; i < iEnd && j < jEnd; i, j = i+1, j+1 {
		out = append(out, step{i, j})
	}
	for ; i < iEnd; i++ {
		out = append(out, step{i, -1})
	}
	for ; j < jEnd; j++ {
		out = append(out, step{-1, j})
	}
	return out
}

// common is a longest run of equal items in both.
func common(was, now []any) []step {
	if len(was)*len(now) > maxCompared {
		return nil
	}
	length := make([][]int, len(was)+1)
	for i := range length {
		length[i] = make([]int, len(now)+1)
	}
	for i := len(was) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			if equal(was[i], now[j]) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var out []step
	for i, j := 0, 0; i < len(was) && j < len(now); {
		switch {
		case equal(was[i], now[j]):
			out = append(out, step{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}
