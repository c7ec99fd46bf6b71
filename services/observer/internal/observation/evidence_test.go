package observation

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGone(t *testing.T) {
	names := func(n ...string) map[string]bool {
		out := map[string]bool{}
		for _, name := range n {
			out[name] = true
		}
		return out
	}
	for _, c := range []struct {
		reason string
		known  map[string]string
		first  string
		second Listing
		gone   []string
		err    string
	}{
		{"two listings lack it", map[string]string{"a": "5", "b": ""}, "10", Listing{"10", names("b", "c")}, []string{"a"}, ""},
		{"the second listing has it", map[string]string{"a": "5"}, "10", Listing{"12", names("a")}, nil, ""},
		{"all is gone, and something happened since", map[string]string{"a": "5", "b": "6"}, "10", Listing{"11", nil}, []string{"a", "b"}, ""},
		{"all is gone, and nothing happened since", map[string]string{"a": "5"}, "10", Listing{"10", nil}, nil, "nothing happened since"},
		{"the second listing is older than the first", map[string]string{"a": "5"}, "10", Listing{"9", names("b")}, nil, "version 9"},
		{"the listings are older than what was known", map[string]string{"a": "50"}, "10", Listing{"11", names("b")}, nil, "was seen at version 50"},
		{"versions that are no numbers", map[string]string{"a": "5"}, "10", Listing{"x", names("b")}, nil, "no number"},
		{"no first listing", map[string]string{"a": "5"}, "", Listing{"11", names("b")}, nil, "no first listing"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, err := Gone(c.known, c.first, c.second)
			slices.Sort(got)
			if diff := cmp.Diff(c.gone, got); diff != "" {
				t.Errorf("gone (-want +got):\n%s", diff)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}
