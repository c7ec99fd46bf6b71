package blueprint

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Free is a part of the document without a shape of its own here: nil, bool, int64, float64, string, []any or
// map[string]any, the values that JSON knows.
type Free struct{ Value any }

// IsZero is true when the field is absent or empty.
func (f Free) IsZero() bool { return f.Value == nil }

// MarshalJSON writes the value itself.
func (f Free) MarshalJSON() ([]byte, error) { return json.Marshal(f.Value) }

// UnmarshalYAML reads any value that JSON knows too.
func (f *Free) UnmarshalYAML(n *yaml.Node) error {
	v, err := plain(n, 0)
	f.Value = v
	return err
}

// plain turns YAML into the values that JSON knows. Dates stay the text that they were written as.
func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, invalid(n.Line, "the document is nested deeper than %d levels", maxDepth)
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		s := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := plain(c, depth+1)
			if err != nil {
				return nil, err
			}
			s = append(s, v)
		}
		return s, nil
	case yaml.ScalarNode:
		return plainScalar(n)
	default:
		return nil, invalid(n.Line, "anchors and aliases (& and *) are not allowed; write the value out")
	}
}

func plainScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, invalid(n.Line, "the number %s does not fit 64 bits", shorten(n.Value))
		}
		return i, nil
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, invalid(n.Line, "%s is not a number that can be used here", shorten(n.Value))
		}
		return f, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	default:
		return nil, invalid(n.Line, "a value tagged %s is not allowed", shorten(n.Tag))
	}
}
