package projection

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"catalyst.openova.io/pkg/view"
)

// Whatever a card holds, and whatever fields it is given later, its JSON is that of encoding/json.
func TestCardsAreEncodedAsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"", "shop", "ü", "a\"b", "\\", "<b>&", "\x00\x1f", "\u2028", "\xff", "\x7f", "日本"}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(words[r.IntN(len(words))])
		case reflect.Bool:
			v.SetBool(r.IntN(2) == 0)
		case reflect.Int32:
			v.SetInt(int64(int32(r.Uint32() % math.MaxUint32)))
		case reflect.Pointer:
			if r.IntN(2) == 0 {
				v.Set(reflect.New(v.Type().Elem()))
				fill(v.Elem())
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				if r.IntN(3) > 0 {
					v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<33), r.Int64N(2)*r.Int64N(1e9)).UTC()))
				}
				return
			}
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		default:
			t.Fatalf("a card has a field of kind %v", v.Kind())
		}
	}
	for range 5000 {
		var a view.Application
		fill(reflect.ValueOf(&a).Elem())
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendApplication(nil, &a); string(got) != string(want) {
			t.Fatalf("is   %s\nwant %s", got, want)
		}
	}
}
