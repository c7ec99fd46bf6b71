package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// echo renders each file of the overlay as the object that it is, and no release.
type echo struct{ fail string }

func (e echo) Open(context.Context) (manifest.Session, error) { return e, nil }
func (echo) Close()                                           {}

func (e echo) Tree(t manifest.Tree) (manifest.Rendering, error) {
	var out manifest.Rendering
	for path, b := range t.Files {
		if e.fail != "" && strings.Contains(string(b), e.fail) {
			return out, fmt.Errorf("%s is wrong", path)
		}
		o, err := manifest.ReadObject(b)
		if err != nil {
			return out, err
		}
		out.Objects = append(out.Objects, o)
	}
	return out, nil
}

func (echo) Release(r manifest.Release) (manifest.Rendering, error) {
	return manifest.Rendering{}, errors.New("no releases here")
}

// nothing has no Blueprint.
type nothing struct{}

func (nothing) Payload(context.Context, manifest.Source) ([]byte, error) {
	return nil, errors.New("the registry is away")
}

// memory is a cluster that finds what the test says.
type memory struct {
	err   error
	finds map[string]manifest.Finding
}

func (m *memory) Capabilities(context.Context) (manifest.Capabilities, error) {
	return manifest.Capabilities{Version: "v1.36.0"}, m.err
}

func (m *memory) Inspect(_ context.Context, _ string, checks []manifest.Check) []manifest.Finding {
	out := make([]manifest.Finding, len(checks))
	for i, c := range checks {
		o := c.Next
		if o == nil {
			o = c.Now
		}
		out[i] = m.finds[o.Name()]
	}
	return out
}

func secret(name, data string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q,"namespace":"acme-dev"},"data":{%s}}`, name, data)
}

func config(name, value string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"namespace":"acme-dev"},"data":{"k":%q}}`, name, value)
}

func overlay(objects ...[]byte) map[string][]byte {
	out := map[string][]byte{}
	for i, o := range objects {
		out[fmt.Sprintf("overlays/dev/%d.json", i)] = o
	}
	return out
}

func object(t *testing.T, b []byte) manifest.Object {
	t.Helper()
	o, err := manifest.ReadObject(b)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func preview(t *testing.T, p manifest.Renders, before, after map[string][]byte) manifest.Preview {
	t.Helper()
	p.Blueprints = nothing{}
	if p.Renderer == nil {
		p.Renderer = echo{}
	}
	got, err := p.Preview(t.Context(), manifest.Request{Organization: "acme", Environment: "acme-dev", EnvType: "dev", Application: "shop", Before: before, After: after})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSecretsStayHidden(t *testing.T) {
	live := object(t, secret("s", `"a":"Y2FuYXJ5LWxpdmU="`))
	live["metadata"].(map[string]any)["annotations"] = map[string]any{ //nolint:forcetypeassert // it is written above
		"kubectl.kubernetes.io/last-applied-configuration": "canary",
	}
	live["stringData"] = "canary, not even a mapping"
	cluster := &memory{finds: map[string]manifest.Finding{"s": {Live: live, Applied: object(t, secret("s", `"a":"Y2FuYXJ5LTE="`))}}}
	p := preview(t, manifest.Renders{Cluster: cluster},
		overlay(secret("s", `"a":"Y2FuYXJ5LTE=","b":"Y2FuYXJ5LTI=","c":"Y2FuYXJ5LTM="`)),
		overlay(secret("s", `"a":"Y2FuYXJ5LTE=","b":"Y2FuYXJ5LTQ=","d":"Y2FuYXJ5LTU="`)))
	c := p.Changes[0]
	if c.Action != manifest.Update || strings.Contains(c.Diff+c.Drift, "Y2Fu") || strings.Contains(c.Diff+c.Drift, "canary") {
		t.Errorf("%+v", c)
	}
	want := "   a: (hidden)\n-  b: (hidden)\n-  c: (hidden)\n+  b: (hidden, changed)\n+  d: (hidden)\n"
	if !strings.Contains(c.Diff, want) {
		t.Errorf("the diff does not say which changes:\n%s", c.Diff)
	}
	if !strings.Contains(c.Drift, "(hidden, changed)") {
		t.Errorf("the drift does not say what changed:\n%s", c.Drift)
	}
}

func TestDriftAndProblems(t *testing.T) {
	before, after := overlay(config("a", "1"), config("b", "1"), config("gone", "1")), overlay(config("a", "2"), config("b", "1"), config("new", "1"))
	running := object(t, config("a", "9"))
	running["status"] = map[string]any{"x": "y"}
	running["metadata"].(map[string]any)["managedFields"] = []any{"noise"} //nolint:forcetypeassert // it is written above
	cluster := &memory{finds: map[string]manifest.Finding{
		"a":    {Live: running, Applied: object(t, config("a", "1"))},
		"b":    {Applied: object(t, config("b", "1"))},
		"gone": {Live: object(t, config("gone", "1")), Applied: object(t, config("gone", "1"))},
		"new":  {Problem: "exceeded quota"},
	}}
	p := preview(t, manifest.Renders{Cluster: cluster}, before, after)
	if p.Incomplete != "" || len(p.Changes) != 4 {
		t.Fatalf("%+v", p)
	}
	type facts struct {
		name           string
		action         manifest.Action
		drift, problem bool
	}
	var got []facts
	for _, c := range p.Changes {
		got = append(got, facts{c.Name, c.Action, c.Drift != "", c.Problem != ""})
		if strings.Contains(c.Drift, "noise") || strings.Contains(c.Drift, "status") {
			t.Errorf("what the server writes is shown:\n%s", c.Drift)
		}
	}
	want := []facts{{"a", "update", true, false}, {"b", "none", true, false}, {"gone", "delete", false, false}, {"new", "create", false, true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whatever is away, what Git says is shown, and what is not known is said.
func TestWhatIsMissingIsSaid(t *testing.T) {
	before, after := overlay(config("a", "1")), overlay(config("a", "2"))
	release := []byte(`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"shop","namespace":"acme-dev"},"spec":{"chartRef":{"kind":"OCIRepository","name":"shop"}}}`)
	source := []byte(`{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"OCIRepository","metadata":{"name":"shop","namespace":"acme-dev"},"spec":{"url":"oci://x/y","ref":{"digest":"sha256:1"},"layerSelector":{"mediaType":"m"}}}`)
	for _, tc := range []struct {
		reason        string
		p             manifest.Renders
		before, after map[string][]byte
		want          string
		changes       int
	}{
		{"no cluster", manifest.Renders{}, before, after, "no cluster", 1},
		{"a cluster that is away", manifest.Renders{Cluster: &memory{err: errors.New("connection refused")}}, before, after, "connection refused", 1},
		{"a cluster that is slow", manifest.Renders{Cluster: &memory{finds: map[string]manifest.Finding{"a": {Err: context.DeadlineExceeded}}}}, before, after, "in time", 1},
		{"one object that cannot be read", manifest.Renders{Cluster: &memory{finds: map[string]manifest.Finding{"a": {Err: errors.New("oops")}}}}, before, after, "ConfigMap a", 1},
		{"Git is wrong now", manifest.Renders{Renderer: echo{fail: `"1"`}, Cluster: &memory{}}, before, after, "what Git says now", 0},
		{"Git would be wrong", manifest.Renders{Renderer: echo{fail: `"2"`}, Cluster: &memory{}}, before, after, "what Git would say", 0},
		{"a registry that is away", manifest.Renders{Cluster: &memory{}}, nil, overlay(release, source), "the registry is away", 0},
		{"a release without a pin", manifest.Renders{Cluster: &memory{}}, nil, overlay(release), "HelmRelease shop is not followed", 1},
		{"it runs nowhere", manifest.Renders{}, nil, map[string][]byte{"README.md": nil}, "", 0},
	} {
		p := preview(t, tc.p, tc.before, tc.after)
		if !strings.Contains(p.Incomplete, tc.want) || (tc.want == "") != (p.Incomplete == "") || len(p.Changes) != tc.changes {
			t.Errorf("%s: %q, %d changes", tc.reason, p.Incomplete, len(p.Changes))
		}
	}
}

// A change of much takes little time and room, and says that something is left out.
func TestDiffsAreBounded(t *testing.T) {
	var before, after [][]byte
	for i := range 60 {
		size := 20_000
		if i == 0 {
			size = 200_000
		}
		before = append(before, config(fmt.Sprint("c", i), strings.Repeat("a\n", size/2)))
		after = append(after, config(fmt.Sprint("c", i), strings.Repeat("b\n", size/2)))
	}
	total, shown := 0, 0
	for _, c := range preview(t, manifest.Renders{}, overlay(before...), overlay(after...)).Changes {
		if total += len(c.Diff); c.Action != manifest.Update || c.Diff == "" {
			t.Errorf("%s: %s", c.Name, c.Action)
		}
		if strings.HasPrefix(c.Diff, "---") {
			shown++
		}
	}
	if total > 2<<20 || shown == 0 || shown == 60 {
		t.Errorf("the diffs have %d bytes; %d are shown", total, shown)
	}
}
