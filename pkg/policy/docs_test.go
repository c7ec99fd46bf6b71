package policy

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const docs = "../../docs/policies.md"

var (
	update  = flag.Bool("update", false, "write what the examples of docs/policies.md answer")
	blocks  = regexp.MustCompile("(?s)```yaml\n(.*?)```\n(?:\nAt (\\S+):\n\n```text\n(.*?)```\n)?")
	isGates = regexp.MustCompile(`(?m)^kind: EnvironmentPolicy$`)
)

type example struct{ doc, at, answer, block string }

// examples of the documentation: a policy and, behind it, what it says of the facts that are fine at an instant.
func examples(t testing.TB) []example {
	t.Helper()
	page, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	var out []example
	for _, m := range blocks.FindAllStringSubmatch(string(page), -1) {
		if isGates.MatchString(m[1]) {
			out = append(out, example{doc: m[1], at: m[2], answer: m[3], block: m[0]})
		}
	}
	if len(out) < 5 {
		t.Fatalf("only %d examples in %s", len(out), docs)
	}
	return out
}

// documented are the facts that the page says its examples are about.
func documented() Facts {
	return with(func(f *Facts) {
		f.Approvals = f.Approvals[:1]
		f.History[0].From = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		f.Scores[0].Value, f.Scores[0].Raises = 74, []string{"8 points: set a readiness probe on Deployment shop"}
		f.Dependencies = []Dependency{{Application: "shop-db", State: Promoting}}
		f.Running = []Running{{ID: "blog-3", Application: "blog", Environment: "acme-prod"}}
	})
}

func TestEveryExampleOfTheDocumentation(t *testing.T) {
	raw, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, e := range examples(t) {
		p, err := Parse([]byte(e.doc))
		if err != nil {
			t.Errorf("%v in\n%s", err, e.doc)
			continue
		}
		if e.at == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, e.at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, g := range Evaluate([]Policy{p}, documented(), at).Gates {
			got += fmt.Sprintf("%-8s%s: %s", g.State, g.ID, g.Reason)
			if len(g.Needs) > 0 {
				got += " Needs: " + strings.Join(g.Needs, "; ") + "."
			}
			got += "\n"
		}
		switch {
		case got == e.answer:
		case *update:
			page = strings.Replace(page, e.block, strings.Replace(e.block, "```text\n"+e.answer, "```text\n"+got, 1), 1)
		default:
			t.Errorf("%s answers at %s\n%s, and the page says\n%s", p.Name, e.at, got, e.answer)
		}
	}
	if *update {
		if err := os.WriteFile(docs, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
