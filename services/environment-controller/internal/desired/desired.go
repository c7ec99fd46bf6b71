// Package desired knows what the Sovereign's own repository declares. A custom resource that disappears from the cluster
// is believed to be unwanted only if this repository, read anew, says so too.
package desired

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"sync"

	"sigs.k8s.io/yaml"

	"catalyst.openova.io/pkg/forge"
)

// Git reads the repository; forge.Reader is one.
type Git interface {
	Branches(ctx context.Context, repo forge.Repo) (map[string]string, error)
	Tree(ctx context.Context, repo forge.Repo, commit string) ([]forge.Entry, error)
	File(ctx context.Context, repo forge.Repo, commit, path string) ([]byte, error)
}

// Object is a manifest by its kind and name.
type Object struct{ Kind, Name string }

// State is what one commit declares.
type State struct {
	Commit  string
	objects map[Object]bool
}

// NewState makes one of what it declares.
func NewState(commit string, all ...Object) State {
	s := State{Commit: commit, objects: map[Object]bool{}}
	for _, o := range all {
		s.objects[o] = true
	}
	return s
}

// Declares tells whether a manifest is there.
func (s State) Declares(kind, name string) bool { return s.objects[Object{kind, name}] }

// Repository is the Sovereign's own.
type Repository struct {
	git    Git
	repo   forge.Repo
	branch string

	mu   sync.Mutex
	last State
}

// NewRepository does not read it.
func NewRepository(git Git, repo forge.Repo, branch string) *Repository {
	return &Repository{git: git, repo: repo, branch: branch}
}

const (
	// maxFiles is how many manifests are read at most, and maxFile the size in bytes of the largest.
	maxFiles, maxFile = 20_000, 1 << 20
	organizationKind  = "Organization"
	sovereignKind     = "Sovereign"
)

// Read returns what the newest commit declares. It fails if that cannot be read whole, or if it declares neither
// an Organization nor a Sovereign: a repository that was emptied, or lost its data, says nothing about what is wanted.
func (r *Repository) Read(ctx context.Context) (State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	branches, err := r.git.Branches(ctx, r.repo)
	if err != nil {
		return State{}, fmt.Errorf("read %s: %w", r.repo, err)
	}
	head, ok := branches[r.branch]
	if !ok {
		return State{}, fmt.Errorf("%s has no branch %s", r.repo, r.branch)
	}
	if r.last.Commit != head {
		s, err := r.read(ctx, head)
		if err != nil {
			return State{}, fmt.Errorf("read %s: %w", r.repo, err)
		}
		r.last = s
	}
	for o := range r.last.objects {
		if o.Kind == organizationKind || o.Kind == sovereignKind {
			return r.last, nil
		}
	}
	return State{}, fmt.Errorf("%s declares neither an Organization nor a Sovereign", r.repo)
}

func (r *Repository) read(ctx context.Context, head string) (State, error) {
	files, err := r.git.Tree(ctx, r.repo, head)
	if err != nil {
		return State{}, err
	}
	s := NewState(head)
	n := 0
	for _, f := range files {
		if !isManifest(f) {
			continue
		}
		if n++; n > maxFiles || f.Size > maxFile {
			return State{}, fmt.Errorf("%s is one of more than %d manifests, or larger than %d bytes", f.Path, maxFiles, maxFile)
		}
		b, err := r.git.File(ctx, r.repo, head, f.Path)
		if err != nil {
			return State{}, err
		}
		if err := s.add(b); err != nil {
			return State{}, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return s, nil
}

func isManifest(f forge.Entry) bool {
	ext := path.Ext(f.Path)
	return (ext == ".yaml" || ext == ".yml" || ext == ".json") && (f.Mode == "100644" || f.Mode == "100755")
}

func (s State) add(file []byte) error {
	for doc := range bytes.SplitSeq(append([]byte("\n"), file...), []byte("\n---")) {
		var o struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := yaml.Unmarshal(doc, &o); err != nil {
			return err
		}
		if o.Kind != "" {
			s.objects[Object{o.Kind, o.Metadata.Name}] = true
		}
	}
	return nil
}
