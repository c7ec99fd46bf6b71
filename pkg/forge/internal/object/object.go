// Package object builds the Git objects of a commit in memory. Every forge adapter uses it, so a Draft has the same SHA
// wherever it is pushed.
package object

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"catalyst.openova.io/pkg/forge"
)

// Node is one entry of a recursive listing of a tree: a file, a submodule or a folder.
type Node struct {
	Path, Mode, SHA string
}

const folder = "040000"

// Pack holds the objects that pushes need and the forge does not have.
type Pack struct {
	store *memory.Storage
	known map[plumbing.Hash]bool
	order []plumbing.Hash
}

// NewPack returns an empty pack.
func NewPack() *Pack { return &Pack{store: memory.NewStorage(), known: map[plumbing.Hash]bool{}} }

// Commit adds a draft on top of base, the recursive listing of its parent's tree, and returns its SHA. What base holds
// is known to the forge and not packed.
func (p *Pack) Commit(base []Node, d forge.Draft, committer forge.Person) (string, error) {
	if d.At.IsZero() {
		return "", errors.New("a draft needs the time of its commit, or it would be another commit each time")
	}
	for _, n := range base {
		p.known[plumbing.NewHash(n.SHA)] = true
	}
	root, err := apply(base, d.Change, p.blob)
	if err != nil {
		return "", err
	}
	tree, err := p.tree(root)
	if err != nil {
		return "", err
	}
	at := d.At.UTC().Truncate(1e9)
	c := object.Commit{
		Author:    object.Signature{Name: clean(d.Author.Name), Email: clean(d.Author.Email), When: at},
		Committer: object.Signature{Name: clean(committer.Name), Email: clean(committer.Email), When: at},
		Message:   strings.TrimRight(d.Message, "\n") + "\n",
		TreeHash:  tree,
	}
	if d.Parent != "" {
		c.ParentHashes = []plumbing.Hash{plumbing.NewHash(d.Parent)}
	}
	h, err := p.add(plumbing.CommitObject, c.Encode)
	return h.String(), err
}

// Encode writes the pack.
func (p *Pack) Encode(w io.Writer) error {
	_, err := packfile.NewEncoder(w, p.store, false).Encode(p.order, 0)
	return err
}

// Tree is the tree of a commit of the pack.
func (p *Pack) Tree(commit string) (string, error) {
	c, err := object.GetCommit(p.store, plumbing.NewHash(commit))
	if err != nil {
		return "", err
	}
	return c.TreeHash.String(), nil
}

func (p *Pack) blob(b []byte) (plumbing.Hash, error) {
	h := plumbing.ComputeHash(plumbing.BlobObject, b)
	if p.known[h] {
		return h, nil
	}
	o := p.store.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	if err != nil {
		return h, err
	}
	if _, err := w.Write(b); err != nil {
		return h, err
	}
	return p.put(o)
}

func (p *Pack) add(t plumbing.ObjectType, encode func(plumbing.EncodedObject) error) (plumbing.Hash, error) {
	o := p.store.NewEncodedObject()
	o.SetType(t)
	if err := encode(o); err != nil {
		return plumbing.ZeroHash, err
	}
	return p.put(o)
}

func (p *Pack) put(o plumbing.EncodedObject) (plumbing.Hash, error) {
	h := o.Hash()
	if p.known[h] {
		return h, nil
	}
	p.known[h] = true
	p.order = append(p.order, h)
	return p.store.SetEncodedObject(o)
}

func (p *Pack) tree(d *dir) (plumbing.Hash, error) {
	var t object.Tree
	for name, sub := range d.dirs {
		if sub.empty() {
			continue // Git has no empty folders
		}
		h, err := p.tree(sub)
		if err != nil {
			return h, err
		}
		t.Entries = append(t.Entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: h})
	}
	for name, f := range d.files {
		mode, err := filemode.New(f.mode)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("%s: %w", name, err)
		}
		t.Entries = append(t.Entries, object.TreeEntry{Name: name, Mode: mode, Hash: f.hash})
	}
	sort.Sort(object.TreeEntrySorter(t.Entries))
	return p.add(plumbing.TreeObject, t.Encode)
}

// Apply returns the files of base after a change, sorted by path, with the content of what the change writes.
func Apply(base []Node, c forge.Change) ([]Node, error) {
	root, err := apply(base, c, func(b []byte) (plumbing.Hash, error) { return plumbing.ComputeHash(plumbing.BlobObject, b), nil })
	if err != nil {
		return nil, err
	}
	var out []Node
	root.walk("", func(p string, f file) { out = append(out, Node{Path: p, Mode: f.mode, SHA: f.hash.String()}) })
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func apply(base []Node, c forge.Change, blob func([]byte) (plumbing.Hash, error)) (*dir, error) {
	root := newDir()
	for _, n := range base {
		if n.Mode == folder {
			continue
		}
		if err := root.set(n.Path, file{n.Mode, plumbing.NewHash(n.SHA)}); err != nil {
			return nil, err
		}
	}
	for _, name := range c.Remove {
		if !root.remove(name) {
			return nil, fmt.Errorf("remove %q: the parent holds no such file", name)
		}
	}
	for name, content := range c.Write {
		if err := CheckPath(name); err != nil {
			return nil, err
		}
		h, err := blob(content)
		if err != nil {
			return nil, err
		}
		if err := root.set(name, file{"100644", h}); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// CheckPath refuses a path that Git would refuse, or that could leave the work tree.
func CheckPath(p string) error {
	if p == "" || len(p) > 1000 || path.Clean(p) != p || path.IsAbs(p) || strings.ContainsAny(p, "\x00\\\n") {
		return fmt.Errorf("%q is not a path of a file in a repository", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." || part == "." || strings.EqualFold(part, ".git") {
			return fmt.Errorf("%q is not a path of a file in a repository", p)
		}
	}
	return nil
}

// clean takes out what would end the line of a person in a commit.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == '<' || r == '>' {
			return -1
		}
		return r
	}, s))
}
