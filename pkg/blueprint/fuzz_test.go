package blueprint

import (
	"encoding/json"
	"errors"
	"testing"
)

func jsonNumber(s string) json.Number { return json.Number(s) }

// Whatever is read, Parse and what follows it end without a panic, errors are our own, and settings that were accepted
// are accepted again unchanged.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good), []byte(`{"host":"a.example"}`))
	f.Add([]byte("a: &a [*a]"), []byte(`{}`))
	f.Add([]byte("spec: {configSchema: {$ref: '#'}}"), []byte(`{"a":1e400}`))
	f.Add([]byte("spec: {configSchema: {properties: {a: {$ref: '#'}}, default: {}}}"), []byte(`{"a":{"a":{}}}`))
	f.Add([]byte("? {a: b}\n: !!set {x}"), []byte(`null`))
	f.Fuzz(func(t *testing.T, doc, raw []byte) {
		b, err := Parse(doc)
		if err != nil {
			var own *InvalidError
			if !errors.As(err, &own) || len(own.Fields) == 0 {
				t.Fatalf("not our error: %v", err)
			}
			return
		}
		_ = b.Validate()
		var values map[string]any
		if json.Unmarshal(raw, &values) != nil {
			return
		}
		settings, wrong := b.Settings(values)
		if len(wrong) > 0 {
			return
		}
		again, wrong := b.Settings(settings)
		if len(wrong) > 0 {
			t.Fatalf("accepted once, then refused: %v", wrong)
		}
		first, _ := json.Marshal(settings)
		second, _ := json.Marshal(again)
		if string(first) != string(second) {
			t.Fatalf("not stable: %s then %s", first, second)
		}
	})
}
