package resolve

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func release(t testing.TB, version, upgrades string) Candidate {
	t.Helper()
	if upgrades != "" {
		upgrades = "  upgrades: " + upgrades + "\n"
	}
	return candidate(t, "bp-a", version, upgrades)
}

func TestUpgrade(t *testing.T) {
	versions := []Candidate{
		release(t, "1.0.0", ""), release(t, "1.5.0", ""),
		release(t, "2.0.0", `{from: ">=1.5.0 <2"}`),
		release(t, "2.1.0", `{from: "^2.0.0", blocks: ["2.0.5", {versions: "2.0.7", reason: Its index is broken}]}`),
		release(t, "3.0.0", `{from: "^2.1"}`),
		release(t, "3.1.0", `{from: ">=3.0.0"}`), release(t, "3.2.0-rc.1", ""),
		{Version: "4.0.0", Refused: "is not signed"},
	}
	for _, tc := range []struct{ from, to, want, via string }{
		{"1.0.0", "1.5.0", "", ""},
		{"1.5.0", "2.0.0", "", ""},
		{"2.1.0", "2.1.0", "", ""},
		{"1.0.0", "2.0.0", "Version 2.0.0 may follow >=1.5.0 <2 only, not 1.0.0. Go there by way of 1.5.0.", "1.5.0"},
		{"1.0.0", "3.0.0", "Version 3.0.0 may follow ^2.1 only, not 1.0.0. Go there by way of 1.5.0, then 2.0.0, then 2.1.0.", "1.5.0 2.0.0 2.1.0"},
		{"2.0.5", "2.1.0", "Version 2.1.0 may not follow 2.0.5.", ""},
		{"2.0.7", "2.1.0", "Version 2.1.0 may not follow 2.0.7. Its index is broken.", ""},
		{"2.1.0", "2.0.0", "Version 2.0.0 does not say that it can take over from the newer 2.1.0, so going back may lose data.", ""},
		{"2.5.0", "2.1.0", "", ""},                           // a closed range that has it
		{"3.2.0", "3.1.0", "Version 3.1.0 does not say", ""}, // an open one says nothing about the newer
		{"2.2.0-rc.1", "3.0.0", "", ""},                      // a pre-release is in the range around it
		{"3.1.0", "3.2.0-rc.1", "", ""},
		{"3.0.0", "4.0.0", "Version 4.0.0 cannot be installed: it is not signed.", ""},
		{"3.0.0", "9.0.0", "There is no version 9.0.0; the catalog has 4.0.0 (refused: it is not signed), 3.1.0", ""},
		{"latest", "1.0.0", "The version that is installed, latest, cannot be compared", ""},
	} {
		err := Upgrade(tc.from, tc.to, versions)
		var refusal *UpgradeError
		switch {
		case tc.want == "" && err == nil:
		case !errors.As(err, &refusal) || tc.want == "" || !strings.HasPrefix(err.Error(), tc.want):
			t.Errorf("%s to %s: %v", tc.from, tc.to, err)
		case strings.Join(refusal.Via, " ") != tc.via:
			t.Errorf("%s to %s by way of %v", tc.from, tc.to, refusal.Via)
		}
	}
}

// Every way that is told can be gone, and leads in one direction.
func TestUpgradeWays(t *testing.T) {
	known := map[string]Candidate{}
	rapid.Check(t, func(rt *rapid.T) {
		var versions []Candidate
		for minor := range 6 {
			rule := rapid.SampledFrom([]string{"", `{from: ">=1.%d.0"}`, `{from: "~1.%d.0"}`, `{blocks: ["<1.%d.0"]}`, `{from: ">=1.%d.0 <1.9"}`}).Draw(rt, "rule")
			if strings.Contains(rule, "%d") {
				rule = fmt.Sprintf(rule, rapid.IntRange(0, 5).Draw(rt, "bound"))
			}
			version := fmt.Sprintf("1.%d.0", minor)
			if _, ok := known[version+rule]; !ok {
				known[version+rule] = release(t, version, rule)
			}
			versions = append(versions, known[version+rule])
		}
		from, to := rapid.IntRange(0, 5).Draw(rt, "from"), rapid.IntRange(0, 5).Draw(rt, "to")
		var refusal *UpgradeError
		if err := Upgrade(versions[from].Version, versions[to].Version, versions); err == nil || !errors.As(err, &refusal) || len(refusal.Via) == 0 {
			return
		}
		way := append(append([]string{versions[from].Version}, refusal.Via...), versions[to].Version)
		for i := range way[1:] {
			if err := Upgrade(way[i], way[i+1], versions); err != nil {
				rt.Fatalf("%v: %v", way, err)
			}
			if (way[i] < way[i+1]) != (from < to) {
				rt.Fatalf("%v turns round", way)
			}
		}
	})
}

func TestBlocksAreRead(t *testing.T) {
	c := release(t, "2.0.0", `{from: ">=1", blocks: ["<1.2", {versions: "1.5.0", reason: why}]}`)
	want := []string{"<1.2 ", "1.5.0 why"}
	var got []string
	for _, b := range c.Blueprint.Spec.Upgrades.Blocks {
		got = append(got, b.Versions+" "+b.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
