package shelf

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/blueprint"
)

func TestShelf(t *testing.T) {
	var s Shelf
	if s.Entries() != nil {
		t.Error("an empty shelf has entries")
	}
	s.Replace([]*Version{
		{Name: "bp-b", Version: "1.9.0"}, {Name: "bp-b", Version: "1.10.0"}, {Name: "bp-b", Version: "2.0.0-rc.1"},
		{Name: "bp-b", Version: "3.0.0", Reason: "is not signed"},
		{Name: "bp-a", Version: "1.0.0", Reason: "is not signed"},
		{Name: "bp-pre", Version: "0.1.0-a"}, {Name: "bp-pre", Version: "0.1.0-b"},
	})
	if got := s.Entries()[0].Name; got != "bp-a" {
		t.Errorf("first is %s", got)
	}
	b, err := s.Entry("bp-b")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, v := range b.Versions {
		order = append(order, v.Version)
	}
	if strings.Join(order, " ") != "3.0.0 2.0.0-rc.1 1.10.0 1.9.0" || b.Newest.Version != "1.10.0" {
		t.Errorf("versions %v, newest %v", order, b.Newest)
	}
	for _, tc := range []struct{ name, version, want, err string }{
		{"bp-b", "", "1.10.0", ""},
		{"bp-b", "1.9.0", "1.9.0", ""},
		{"bp-b", "3.0.0", "3.0.0", ""},
		{"bp-b", "9.9.9", "", "Blueprint bp-b has no version 9.9.9. It has: 2.0.0-rc.1, 1.10.0, 1.9.0."},
		{"bp-a", "", "", "The catalog has no Blueprint bp-a that can be installed."},
		{"bp-a", "2.0.0", "", "Blueprint bp-a has no version 2.0.0, and no other that can be installed."},
		{"bp-pre", "", "0.1.0-b", ""},
		{"bp-zzz", "1.0.0", "", "The catalog has no Blueprint bp-zzz that can be installed."},
	} {
		v, err := s.Find(tc.name, tc.version)
		var missing *NotFoundError
		switch {
		case tc.err == "" && (err != nil || v.Version != tc.want):
			t.Errorf("%s %s: %v, %v", tc.name, tc.version, v, err)
		case tc.err != "" && (!errors.As(err, &missing) || err.Error() != tc.err):
			t.Errorf("%s %s: %v", tc.name, tc.version, err)
		}
	}
}

// However versions come in, the order is the same, and the newest is never a refused one.
func TestShelfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[0-3]\.[0-3]\.[0-3](-[ab])?`), rapid.ID).Draw(t, "versions")
		var versions []*Version
		for _, n := range names {
			v := &Version{Name: "bp-x", Version: n, Card: Card{Visibility: blueprint.Listed}}
			if rapid.Bool().Draw(t, "refused") {
				v.Reason = "is not signed"
			}
			versions = append(versions, v)
		}
		var a, b Shelf
		a.Replace(versions)
		b.Replace(rapid.Permutation(versions).Draw(t, "permuted"))
		if len(names) == 0 {
			return
		}
		ea, eb := a.Entries()[0], b.Entries()[0]
		if !slices.Equal(ea.Versions, eb.Versions) || ea.Newest != eb.Newest {
			t.Fatal("the order depends on the order of arrival")
		}
		if ea.Newest != nil && !ea.Newest.Installable() {
			t.Fatal("the newest is refused")
		}
	})
}
