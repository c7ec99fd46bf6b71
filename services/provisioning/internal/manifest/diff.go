package manifest

import (
	"github.com/aymanbagabas/go-udiff"
	"sigs.k8s.io/yaml"
)

// Nobody reads more than this of one object, and comparing more of one Application would take its time from others:
// finding the lines that differ costs the square of what differs.
const (
	maxDocument = 64 << 10
	maxCompared = 256 << 10
)

const leftOut = "… left out: it changes more than can be shown\n"

// differ compares objects until it has compared enough.
type differ struct{ compared int }

// diff is how two versions of an object differ, unified, in YAML; nil is an object that is not there. It is empty if
// they say the same.
func (d *differ) diff(from, to string, before, after Object) string {
	before, after = before.visible(), after.visible()
	if before.isSecret() || after.isSecret() {
		mask(before, after)
	}
	b, a := document(before), document(after)
	if b == a {
		return ""
	}
	size := len(b) + len(a)
	if max(len(b), len(a)) > maxDocument || d.compared+size > maxCompared {
		return leftOut
	}
	d.compared += size
	return udiff.Unified(from, to, b, a)
}

// document is the object in YAML, its fields in the order of their names.
func document(o Object) string {
	if o == nil {
		return ""
	}
	b, err := yaml.Marshal(o)
	if err != nil {
		return "# " + err.Error() + "\n" // it came out of JSON, so that it cannot be
	}
	return string(b)
}
