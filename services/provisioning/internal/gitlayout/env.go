package gitlayout

import "strings"

// editEnv does for a values.env what editYAML does for a values.yaml.
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
