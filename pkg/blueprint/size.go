package blueprint

import "reflect"

// HasSize is true for a size that the Blueprint has; every Blueprint has the empty one.
func (b *Blueprint) HasSize(size string) bool {
	_, ok := b.Spec.Overlays[size]
	return ok || size == ""
}

// Sized puts values over those of a size: what was given wins, setting by setting. It returns a copy.
func (b *Blueprint) Sized(size string, values map[string]any) (map[string]any, error) {
	out, err := copyValues(values)
	if err != nil {
		return nil, err
	}
	if base, ok := b.Spec.Overlays[size].Values.Value.(map[string]any); ok {
		under(base, out)
	}
	return out, nil
}

// Unsized is the way back: the values without those that are what the size says anyway. So another size can be chosen
// later, and keeps only what a person decided.
func (b *Blueprint) Unsized(size string, values map[string]any) (map[string]any, error) {
	out, err := copyValues(values)
	if err != nil {
		return nil, err
	}
	if base, ok := b.Spec.Overlays[size].Values.Value.(map[string]any); ok {
		without(base, out)
	}
	return out, nil
}

func under(base, into map[string]any) {
	for name, v := range base {
		given, ok := into[name]
		if !ok {
			into[name] = deepCopy(v)
			continue
		}
		from, isMap := v.(map[string]any)
		if to, ok := given.(map[string]any); ok && isMap {
			under(from, to)
		}
	}
}

func without(base, from map[string]any) {
	for name, v := range base {
		given, ok := from[name]
		if !ok {
			continue
		}
		if reflect.DeepEqual(v, given) {
			delete(from, name)
			continue
		}
		inner, isMap := v.(map[string]any)
		if object, ok := given.(map[string]any); ok && isMap {
			if without(inner, object); len(object) == 0 {
				delete(from, name)
			}
		}
	}
}
