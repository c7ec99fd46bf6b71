package gitlayout_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/services/provisioning/internal/gitlayout"
)

// Who does by hand what README.md says gets the files that the form makes, byte for byte.
func TestByHandIsLikeByForm(t *testing.T) {
	for _, a := range []gitlayout.Application{shop(), site()} {
		t.Run(a.Name, func(t *testing.T) {
			b := a
			b.Blueprint.Version, b.Blueprint.Digest = "1.2.0", "sha256:"+strings.Repeat("cd", 32)
			b.Values = maps.Clone(a.Values)
			b.Values["replicas"] = int64(7)
			form, typed := files(t, a), files(t, a)
			settings, overlay := gitlayout.OverlayValues(a.EnvType, a.Blueprint.Engine), "overlays/"+a.EnvType+"/kustomization.yaml"

			edited, err := gitlayout.EditValues(b, form[settings])
			if err != nil {
				t.Fatal(err)
			}
			form = apply(form, map[string][]byte{settings: edited})
			typed[settings] = swap(t, typed[settings], `(?m)^replicas(: |=)\d+$`, "replicas${1}7")

			change, err := gitlayout.Upgrade(form, b)
			if err != nil {
				t.Fatal(err)
			}
			form = apply(form, change)
			typed["application.yaml"] = swap(t, typed["application.yaml"], `version: "1.0.0"`, `version: "1.2.0"`)
			typed["application.yaml"] = swap(t, typed["application.yaml"], `digest: .*`, `digest: `+b.Blueprint.Digest)
			typed["base/release.yaml"] = swap(t, typed["base/release.yaml"], `digest: .*`, `digest: `+b.Blueprint.Digest+` # 1.2.0`)

			change, err = gitlayout.SetPaused(form, a.EnvType, true)
			if err != nil {
				t.Fatal(err)
			}
			form = apply(form, change)
			typed[overlay] = append(typed[overlay], pauseLines(t, string(typed["README.md"]), strings.Contains(string(typed[overlay]), "patches:"))...)

			if diff := cmp.Diff(asText(typed), asText(form)); diff != "" {
				t.Errorf("(-by hand +by form):\n%s", diff)
			}
		})
	}
}

func swap(t *testing.T, content []byte, old, now string) []byte {
	t.Helper()
	re := regexp.MustCompile(old)
	if len(re.FindAll(content, -1)) != 1 {
		t.Fatalf("there is not one %q in\n%s", old, content)
	}
	return re.ReplaceAll(content, []byte(now))
}

// pauseLines are those that README.md gives for a pause; only the item where there is a list already.
func pauseLines(t *testing.T, readme string, list bool) []byte {
	t.Helper()
	_, text, ok := strings.Cut(readme, "To resume, take them away.\n\n")
	if !ok {
		t.Fatal("README.md does not say how to pause")
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimPrefix(line, "    "); !list || line != "patches:\n" {
			out.WriteString(line)
		}
	}
	return []byte(out.String())
}
