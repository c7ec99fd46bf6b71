package forgetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst.openova.io/pkg/forge"
)

var (
	ada  = forge.Person{Name: "Ada Lindqvist", Email: "ada@acme.example"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// Conformance is what every forge must do. open returns a forge that commits as Committer, and an organization on it
// that holds no repository; the suite makes its own, with names that do not repeat.
func Conformance(t *testing.T, open func(t *testing.T) (forge.Reader, forge.History, forge.Writer, string)) {
	r, h, w, org := open(t)
	s := &suite{r: r, h: h, w: w, org: org}
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"an organization without repositories", s.empty},
		{"what is not there", s.missing},
		{"an empty repository", s.emptyRepo},
		{"a name that is taken", s.taken},
		{"three refs in one push", s.install},
		{"the same push again", s.repeat},
		{"a change keeps the rest of the tree", s.change},
		{"refs that do not share a draft", s.drafts},
		{"a branch that moved", s.moved},
		{"a branch that exists already", s.exists},
		{"all refs or none", s.atomic},
		{"twenty pushes at once", s.race},
		{"names of branches and files", s.names},
		{"a file that is too large", s.large},
		{"a draft that cannot be", s.bad},
		{"a tree of many files", s.many},
		{"a caller that gave up", s.canceled},
	} {
		t.Run(c.name, c.run)
	}
}

type suite struct {
	r   forge.Reader
	h   forge.History
	w   forge.Writer
	org string
	n   int
}

func (s *suite) repo(t *testing.T) forge.Repo {
	t.Helper()
	s.n++
	repo := forge.Repo{Organization: s.org, Name: fmt.Sprintf("app-%d", s.n)}
	if err := s.w.CreateRepo(t.Context(), repo, "made by the conformance suite"); err != nil {
		t.Fatalf("create %s: %v", repo, err)
	}
	return repo
}

func draft(parent, message string, files map[string]string, remove ...string) *forge.Draft {
	d := &forge.Draft{Parent: parent, Author: ada, Message: message, At: noon, Change: forge.Change{Write: map[string][]byte{}, Remove: remove}}
	for p, c := range files {
		d.Change.Write[p] = []byte(c)
	}
	return d
}

func (s *suite) push(t *testing.T, repo forge.Repo, refs ...forge.RefUpdate) map[string]string {
	t.Helper()
	heads, err := s.w.Push(t.Context(), repo, refs)
	if err != nil {
		t.Fatalf("push: %v", err)
	}
	return heads
}

func (s *suite) files(t *testing.T, repo forge.Repo, commit string) map[string]string {
	t.Helper()
	entries, err := s.r.Tree(t.Context(), repo, commit)
	if err != nil {
		t.Fatalf("tree: %v", err)
	}
	if !slices.IsSortedFunc(entries, func(a, b forge.Entry) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) }) {
		t.Errorf("the entries are not sorted: %v", entries)
	}
	out := map[string]string{}
	for _, e := range entries {
		b, err := s.r.File(t.Context(), repo, commit, e.Path)
		if err != nil {
			t.Fatalf("file %s: %v", e.Path, err)
		}
		if int64(len(b)) != e.Size || e.Mode != "100644" || len(e.SHA) != 40 {
			t.Errorf("entry %+v of a file of %d bytes", e, len(b))
		}
		out[e.Path] = string(b)
	}
	return out
}

func (s *suite) wantFiles(t *testing.T, repo forge.Repo, commit string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, s.files(t, repo, commit)); diff != "" {
		t.Errorf("files of %s (-want +got):\n%s", commit, diff)
	}
}

func (s *suite) wantBranches(t *testing.T, repo forge.Repo, want map[string]string) {
	t.Helper()
	got, err := s.r.Branches(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("branches are %v, want %v", got, want)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func (s *suite) empty(t *testing.T) {
	repos, err := s.r.Repos(t.Context(), s.org)
	if err != nil || len(repos) != 0 {
		t.Errorf("got %v, %v", repos, err)
	}
}

func (s *suite) missing(t *testing.T) {
	ctx, nope := t.Context(), forge.Repo{Organization: s.org, Name: "nope"}
	_, err := s.r.Head(ctx, nope, "main")
	wantErr(t, "head", err, forge.ErrNotFound)
	_, err = s.h.Log(ctx, nope, "main", 5)
	wantErr(t, "log", err, forge.ErrNotFound)
	_, err = s.w.Description(ctx, nope)
	wantErr(t, "description", err, forge.ErrNotFound)
	_, err = s.r.Branches(ctx, nope)
	wantErr(t, "branches", err, forge.ErrNotFound)
	_, err = s.r.Tree(ctx, nope, "0123456789012345678901234567890123456789")
	wantErr(t, "tree", err, forge.ErrNotFound)
	_, err = s.r.File(ctx, nope, "0123456789012345678901234567890123456789", "a")
	wantErr(t, "file", err, forge.ErrNotFound)
	_, err = s.r.Repos(ctx, "no-such-organization")
	wantErr(t, "repos", err, forge.ErrNotFound)
	wantErr(t, "create", s.w.CreateRepo(ctx, forge.Repo{Organization: "no-such-organization", Name: "a"}, ""), forge.ErrNotFound)
	_, err = s.w.Push(ctx, nope, []forge.RefUpdate{{Branch: "main", Draft: draft("", "first", map[string]string{"a": "1"})}})
	wantErr(t, "push", err, forge.ErrNotFound)
}

func (s *suite) emptyRepo(t *testing.T) {
	repo := s.repo(t)
	s.wantBranches(t, repo, map[string]string{})
	_, err := s.r.Head(t.Context(), repo, "main")
	wantErr(t, "head", err, forge.ErrNotFound)
	_, err = s.h.Log(t.Context(), repo, "main", 5)
	wantErr(t, "log", err, forge.ErrNotFound)
	_, err = s.r.Tree(t.Context(), repo, "0123456789012345678901234567890123456789")
	wantErr(t, "tree", err, forge.ErrNotFound)
	repos, err := s.r.Repos(t.Context(), s.org)
	if err != nil || !slices.Contains(repos, repo) {
		t.Errorf("repos %v, %v", repos, err)
	}
}

func (s *suite) taken(t *testing.T) {
	repo := s.repo(t)
	wantErr(t, "create", s.w.CreateRepo(t.Context(), repo, "made by somebody else"), forge.ErrExists)
	if d, err := s.w.Description(t.Context(), repo); err != nil || d != "made by the conformance suite" {
		t.Errorf("description %q, %v", d, err)
	}
}

var first = map[string]string{"README.md": "# hello\n", "overlays/dev/values.yaml": "replicas: 2\n", "empty": ""}

func (s *suite) install(t *testing.T) {
	repo := s.repo(t)
	d := draft("", "Install podinfo\n\nCatalyst-Operation: op-1\n", first)
	heads := s.push(t, repo, forge.RefUpdate{Branch: "develop", Draft: d}, forge.RefUpdate{Branch: "staging", Draft: d}, forge.RefUpdate{Branch: "main", Draft: d})
	// The SHA that git itself gives this commit, committed by Committer.
	const want = "3a5391d8aa676ea461b2905db989d565201564b2"
	if !maps.Equal(heads, map[string]string{"develop": want, "staging": want, "main": want}) {
		t.Fatalf("heads %v, want %s", heads, want)
	}
	s.wantBranches(t, repo, heads)
	head, err := s.r.Head(t.Context(), repo, "develop")
	if err != nil {
		t.Fatal(err)
	}
	tree := head.Tree
	if diff := cmp.Diff(forge.Commit{SHA: heads["develop"], Tree: tree, Author: ada, Message: "Install podinfo\n\nCatalyst-Operation: op-1", At: noon}, head); diff != "" || len(tree) != 40 {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	s.wantFiles(t, repo, heads["main"], first)
	_, err = s.r.File(t.Context(), repo, heads["main"], "overlays/dev")
	wantErr(t, "a folder is no file", err, forge.ErrNotFound)
}

func (s *suite) repeat(t *testing.T) {
	repo := s.repo(t)
	refs := func() []forge.RefUpdate {
		d := draft("", "Install", first)
		return []forge.RefUpdate{{Branch: "develop", Draft: d}, {Branch: "main", Draft: d}}
	}
	heads := s.push(t, repo, refs()...)
	again := s.push(t, repo, refs()...)
	if !maps.Equal(heads, again) {
		t.Errorf("first %v, then %v", heads, again)
	}
	s.wantBranches(t, repo, heads)
}

func (s *suite) change(t *testing.T) {
	repo := s.repo(t)
	one := s.push(t, repo, forge.RefUpdate{Branch: "develop", Draft: draft("", "one", first)})["develop"]
	two := s.push(t, repo, forge.RefUpdate{Branch: "develop", Expect: one,
		Draft: draft(one, "two", map[string]string{"overlays/stg/values.yaml": "{}\n", "README.md": "# changed\n"}, "empty")})["develop"]
	s.wantFiles(t, repo, two, map[string]string{"README.md": "# changed\n", "overlays/dev/values.yaml": "replicas: 2\n", "overlays/stg/values.yaml": "{}\n"})
	three := s.push(t, repo, forge.RefUpdate{Branch: "develop", Expect: two,
		Draft: draft(two, "three", nil, "overlays/dev/values.yaml", "overlays/stg/values.yaml")})["develop"]
	s.wantFiles(t, repo, three, map[string]string{"README.md": "# changed\n"})
	s.wantFiles(t, repo, one, first)
	head, err := s.r.Head(t.Context(), repo, "develop")
	if err != nil || !slices.Equal(head.Parents, []string{two}) {
		t.Errorf("head %+v, %v; want the parent %s", head, err, two)
	}
	for limit, want := range map[int][]string{1: {three}, 2: {three, two}, 50: {three, two, one}} {
		log, err := s.h.Log(t.Context(), repo, "develop", limit)
		got := []string{}
		for _, c := range log {
			got = append(got, c.SHA)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("log of %d: %v, %v, want %v", limit, got, err, want)
		}
	}
}

func (s *suite) drafts(t *testing.T) {
	repo := s.repo(t)
	base := draft("", "one", first)
	heads := s.push(t, repo, forge.RefUpdate{Branch: "develop", Draft: base}, forge.RefUpdate{Branch: "main", Draft: base})
	dev := s.push(t, repo, forge.RefUpdate{Branch: "develop", Expect: heads["develop"], Draft: draft(heads["develop"], "two", map[string]string{"d": "d"})})
	both := s.push(t, repo,
		forge.RefUpdate{Branch: "develop", Expect: dev["develop"], Draft: draft(dev["develop"], "gone", map[string]string{"x": "1"}, "d", "empty")},
		forge.RefUpdate{Branch: "main", Expect: heads["main"], Draft: draft(heads["main"], "gone", map[string]string{"x": "1"}, "empty")})
	s.wantBranches(t, repo, both)
	want := map[string]string{"README.md": "# hello\n", "overlays/dev/values.yaml": "replicas: 2\n", "x": "1"}
	s.wantFiles(t, repo, both["develop"], want)
	s.wantFiles(t, repo, both["main"], want)
}

func (s *suite) moved(t *testing.T) {
	repo := s.repo(t)
	one := s.push(t, repo, forge.RefUpdate{Branch: "develop", Draft: draft("", "one", first)})["develop"]
	two := s.push(t, repo, forge.RefUpdate{Branch: "develop", Expect: one, Draft: draft(one, "two", map[string]string{"a": "2"})})["develop"]
	_, err := s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Expect: one, Draft: draft(one, "other", map[string]string{"a": "3"})}})
	wantMoved(t, err, forge.MovedError{Repo: repo, Branch: "develop", Expect: one, Actual: two})
	s.wantBranches(t, repo, map[string]string{"develop": two})
	_, err = s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "nope", Expect: two, Draft: draft(two, "other", map[string]string{"a": "3"})}})
	wantMoved(t, err, forge.MovedError{Repo: repo, Branch: "nope", Expect: two})
}

func (s *suite) exists(t *testing.T) {
	repo := s.repo(t)
	one := s.push(t, repo, forge.RefUpdate{Branch: "main", Draft: draft("", "one", first)})["main"]
	_, err := s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "main", Draft: draft("", "foreign", map[string]string{"a": "3"})}})
	wantMoved(t, err, forge.MovedError{Repo: repo, Branch: "main", Actual: one})
}

func (s *suite) atomic(t *testing.T) {
	repo := s.repo(t)
	heads := s.push(t, repo, forge.RefUpdate{Branch: "main", Draft: draft("", "one", first)})
	d := draft("", "foreign", map[string]string{"a": "3"})
	_, err := s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Draft: d}, {Branch: "main", Draft: d}, {Branch: "staging", Draft: d}})
	wantMoved(t, err, forge.MovedError{Repo: repo, Branch: "main", Actual: heads["main"]})
	s.wantBranches(t, repo, heads)
}

// race has many push to one branch; the winners build a line and nobody's commit is lost.
func (s *suite) race(t *testing.T) {
	repo := s.repo(t)
	one := s.push(t, repo, forge.RefUpdate{Branch: "develop", Draft: draft("", "one", first)})["develop"]
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		wg.Go(func() {
			heads, err := s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Expect: one, Draft: draft(one, fmt.Sprint("n", i), map[string]string{"a": fmt.Sprint(i)})}})
			var moved *forge.MovedError
			switch {
			case err == nil:
				won <- heads["develop"]
			case !errors.As(err, &moved):
				t.Errorf("push %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d pushes on the same head were accepted", len(won))
	}
	s.wantBranches(t, repo, map[string]string{"develop": <-won})
}

func (s *suite) names(t *testing.T) {
	repo := s.repo(t)
	files := map[string]string{"a b.txt": "1", "ü/ß.yaml": "2", "per%20cent": "3", "q?x#y": "4", "deep/er/and/deep/er": "5", "deep.txt": "6"}
	heads := s.push(t, repo, forge.RefUpdate{Branch: "promote/dev/0123abc", Draft: draft("", "one\n\n§ ünï", files)})
	head, err := s.r.Head(t.Context(), repo, "promote/dev/0123abc")
	if err != nil || head.SHA != heads["promote/dev/0123abc"] || head.Message != "one\n\n§ ünï" {
		t.Errorf("head %+v, %v", head, err)
	}
	s.wantBranches(t, repo, heads)
	s.wantFiles(t, repo, head.SHA, files)
}

func (s *suite) large(t *testing.T) {
	repo := s.repo(t)
	head := s.push(t, repo, forge.RefUpdate{Branch: "main", Draft: draft("", "one", map[string]string{
		"fits": string(bytes.Repeat([]byte("a"), 1<<20)), "large": string(bytes.Repeat([]byte("a"), 1<<20+1))})})["main"]
	if b, err := s.r.File(t.Context(), repo, head, "fits"); err != nil || len(b) != 1<<20 {
		t.Errorf("1 MiB: %d bytes, %v", len(b), err)
	}
	if _, err := s.r.File(t.Context(), repo, head, "large"); err == nil {
		t.Error("more than 1 MiB was read")
	}
}

func (s *suite) bad(t *testing.T) {
	repo := s.repo(t)
	one := s.push(t, repo, forge.RefUpdate{Branch: "main", Draft: draft("", "one", first)})["main"]
	undated := draft(one, "two", nil)
	undated.At = time.Time{}
	for name, d := range map[string]*forge.Draft{
		"no time":        undated,
		"climbs out":     draft(one, "two", map[string]string{"../a": ""}),
		"absolute":       draft(one, "two", map[string]string{"/a": ""}),
		"git's own":      draft(one, "two", map[string]string{"a/.GIT/config": ""}),
		"no name":        draft(one, "two", map[string]string{"": ""}),
		"file as folder": draft(one, "two", map[string]string{"README.md/a": ""}),
		"folder as file": draft(one, "two", map[string]string{"overlays": ""}),
		"remove nothing": draft(one, "two", nil, "nope"),
		"no such parent": draft("0123456789012345678901234567890123456789", "two", nil),
		"nothing at all": nil,
	} {
		if _, err := s.w.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "main", Expect: one, Draft: d}}); err == nil {
			t.Errorf("%s: it was pushed", name)
		}
	}
	s.wantBranches(t, repo, map[string]string{"main": one})
}

func (s *suite) many(t *testing.T) {
	repo, files := s.repo(t), map[string]string{}
	for i := range 1500 {
		files[fmt.Sprintf("d%d/f%04d", i%7, i)] = fmt.Sprint(i)
	}
	one := s.push(t, repo, forge.RefUpdate{Branch: "main", Draft: draft("", "one", files)})["main"]
	two := s.push(t, repo, forge.RefUpdate{Branch: "main", Expect: one, Draft: draft(one, "two", map[string]string{"d0/new": "x"}, "d1/f0001")})["main"]
	entries, err := s.r.Tree(t.Context(), repo, two)
	if err != nil || len(entries) != 1500 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func (s *suite) canceled(t *testing.T) {
	repo := s.repo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.r.Branches(ctx, repo)
	wantErr(t, "branches", err, context.Canceled)
	_, err = s.w.Push(ctx, repo, []forge.RefUpdate{{Branch: "main", Draft: draft("", "one", first)}})
	wantErr(t, "push", err, context.Canceled)
	s.wantBranches(t, repo, map[string]string{})
}

func wantMoved(t *testing.T, err error, want forge.MovedError) {
	t.Helper()
	var got *forge.MovedError
	if !errors.As(err, &got) {
		t.Fatalf("got error %v, want %v", err, &want)
	}
	if *got != want {
		t.Errorf("got %v, want %v", got, &want)
	}
}
