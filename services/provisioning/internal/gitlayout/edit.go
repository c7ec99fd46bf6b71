package gitlayout

import "strings"

// editYAML returns a values.yaml that says values. Lines of what did not change stay as people wrote them, with their
// comments and their order; where the file has a form that cannot be edited line by line, it is written anew.
func editYAML(old []byte, values map[string]any, settings []Setting, head string) []byte {
	before, err := readYAML(old)
	if err == nil {
		about := comments(settings)
		text := edit(strings.Split(strings.TrimRight(string(old), "\n"), "\n"), 0, before, values, ordered(values, settings), about)
		edited := []byte(strings.Join(text, "\n") + "\n")
		if after, err := readYAML(edited); err == nil && equal(after, values) {
			return edited
		}
	}
	return writeYAML(head, values, settings)
}

// block is one key of a mapping: the comments above it and its lines.
type block struct {
	key   string
	above []string
	lines []string
}

// edit changes the lines of one mapping, of which each key starts at the indent.
func edit(lines []string, indent int, before, after map[string]any, order []string, about map[string]string) []string {
	blocks, tail := split(lines, indent)
	var out []string
	done := map[string]bool{}
	for _, b := range blocks {
		now, keep := after[b.key]
		was, known := before[b.key]
		if done[b.key] || known && !keep {
			continue // with its comments
		}
		out = append(out, b.above...)
		done[b.key] = true
		switch {
		case b.key == "" || equal(was, now):
			out = append(out, b.lines...)
		default:
			out = append(out, change(b, indent, was, now)...)
		}
	}
	for _, k := range order {
		if done[k] {
			continue
		}
		if c := about[k]; c != "" {
			out = append(out, c)
		}
		out = append(out, entry(indent, k, after[k])...)
	}
	return append(out, tail...)
}

// change writes a key whose value is another one. In a mapping only what differs is touched.
func change(b block, indent int, was, now any) []string {
	oldMap, a := was.(map[string]any)
	newMap, c := now.(map[string]any)
	if a && c && len(newMap) > 0 && len(b.lines) > 1 {
		if inner := depth(b.lines[1:]); inner > indent {
			return append([]string{b.lines[0]}, edit(b.lines[1:], inner, oldMap, newMap, ordered(newMap, nil), nil)...)
		}
	}
	fresh := entry(indent, b.key, now)
	if len(fresh) == 1 && len(b.lines) == 1 {
		if i := strings.Index(b.lines[0], " #"); i > 0 && !strings.ContainsAny(b.lines[0][i:], `"'`) {
			fresh[0] += b.lines[0][i:] // the remark behind it
		}
	}
	return fresh
}

// split cuts lines into the blocks of a mapping and what follows the last of them.
func split(lines []string, indent int) (blocks []block, tail []string) {
	var above []string
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		at := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") && at <= indent:
			above = append(above, line)
		case at == indent && !strings.HasPrefix(trimmed, "-"):
			blocks = append(blocks, block{key: keyOf(trimmed), above: above, lines: []string{line}})
			above = nil
		case len(blocks) == 0:
			above = append(above, line)
		default:
			last := &blocks[len(blocks)-1]
			last.lines = append(append(last.lines, above...), line)
			above = nil
		}
	}
	return blocks, above
}

// keyOf reads the key of a line such as `name: value`.
func keyOf(line string) string {
	key := line
	if line[0] == '"' || line[0] == '\'' {
		end := 1
		for end < len(line) && line[end] != line[0] {
			if line[end] == '\\' && line[0] == '"' {
				end++
			}
			end++
		}
		key = line[:min(end+1, len(line))]
	} else if i := strings.Index(line+" ", ": "); i >= 0 {
		key = line[:i]
	}
	m, err := readYAML([]byte(key + ": 0\n"))
	if err != nil || len(m) != 1 {
		return ""
	}
	for k := range m {
		return k
	}
	return ""
}

// depth is the indent of the first line that says something.
func depth(lines []string) int {
	for _, line := range lines {
		if t := strings.TrimLeft(line, " "); t != "" && !strings.HasPrefix(t, "#") {
			return len(line) - len(t)
		}
	}
	return -1
}

// editEnv does the same for a values.env.
func editEnv(old []byte, values map[string]any, settings []Setting) ([]byte, error) {
	var out []string
	done := map[string]bool{}
	about := comments(settings)
	var above []string
	for line := range strings.Lines(string(old)) {
		line = strings.TrimRight(line, "\r\n")
		name, _, ok := strings.Cut(strings.TrimLeft(line, " \t"), "=")
		if strings.HasPrefix(strings.TrimSpace(line), "#") || !ok {
			above = append(above, line)
			continue
		}
		v, keep := values[name]
		if !keep || done[name] {
			above = headOnly(above, about[name])
			continue
		}
		done[name] = true
		fresh, err := envLine(name, v)
		if err != nil {
			return nil, err
		}
		out = append(append(out, above...), fresh)
		above = nil
	}
	out = append(out, above...)
	for _, name := range ordered(values, settings) {
		if done[name] {
			continue
		}
		fresh, err := envLine(name, values[name])
		if err != nil {
			return nil, err
		}
		if c := about[name]; c != "" {
			out = append(out, c)
		}
		out = append(out, fresh)
	}
	return []byte(strings.Join(out, "\n") + "\n"), nil
}

// headOnly drops the comment of a setting that goes, and keeps what else stood above it.
func headOnly(above []string, comment string) []string {
	if n := len(above); n > 0 && comment != "" && above[n-1] == comment {
		return above[:n-1]
	}
	return above
}
