package operation

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"catalyst.openova.io/pkg/forge"
)

// Plan is everything that will be written, fixed before anything is.
type Plan struct {
	Author forge.Person `json:"author"`
	At     time.Time    `json:"at"`
	// Changes are one a repository, those that others need first.
	Changes []Change `json:"changes"`
	// Contents of the files by their name in Commit.Write. What several commits write is kept once.
	Contents Contents `json:"contents,omitzero"`
}

// Change is what happens to one repository.
type Change struct {
	Application string     `json:"application"`
	Repo        forge.Repo `json:"repo"`
	// Create the repository first, with this description.
	Create      bool   `json:"create,omitempty"`
	Description string `json:"description,omitempty"`
	// Adopt is an Operation that failed after it had made the repository, and left it empty.
	Adopt   string   `json:"adopt,omitempty"`
	Message string   `json:"message"`
	Commits []Commit `json:"commits,omitempty"`
}

// Commit is one new commit and the branches that it becomes the head of. Several are needed where branches differ.
type Commit struct {
	Parent string `json:"parent,omitempty"`
	// Write names the contents of the files to write, by path.
	Write  map[string]string `json:"write,omitempty"`
	Remove []string          `json:"remove,omitempty"`
	Refs   []Ref             `json:"refs"`
}

// Ref is a branch, and the head that the plan was made on.
type Ref struct {
	Branch string `json:"branch"`
	Expect string `json:"expect,omitempty"`
}

// Contents are files by a name that is derived from what they hold.
type Contents struct {
	files map[string][]byte
	// packed is how they are stored. They do not change any more once they are.
	packed []byte
}

// IsZero is true where there are none.
func (c Contents) IsZero() bool { return len(c.files) == 0 }

// add keeps files and returns their names by path.
func (c *Contents) add(files map[string][]byte) map[string]string {
	if len(files) == 0 {
		return nil
	}
	if c.files == nil {
		c.files = map[string][]byte{}
	}
	c.packed = nil
	names := make(map[string]string, len(files))
	for path, b := range files {
		sum := sha256.Sum256(b)
		name := hex.EncodeToString(sum[:10])
		c.files[name], names[path] = b, name
	}
	return names
}

// pack makes them ready to be stored. Files of several Applications are much alike, so that compressed they are small.
func (c *Contents) pack() error {
	if c.packed != nil || c.IsZero() {
		return nil
	}
	raw, err := json.Marshal(c.files)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	c.packed = b.Bytes()
	return nil
}

// MarshalJSON implements json.Marshaler.
func (c Contents) MarshalJSON() ([]byte, error) {
	if err := c.pack(); err != nil {
		return nil, err
	}
	return json.Marshal(c.packed)
}

// maxContents bounds what a record may unpack to.
const maxContents = 64 << 20

// UnmarshalJSON implements json.Unmarshaler.
func (c *Contents) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &c.packed); err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(c.packed))
	if err != nil {
		return fmt.Errorf("contents: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxContents))
	if err != nil {
		return fmt.Errorf("contents: %w", err)
	}
	return json.Unmarshal(raw, &c.files)
}

// updates are a change as one push.
func (p Plan) updates(c Change) []forge.RefUpdate {
	var out []forge.RefUpdate
	for _, commit := range c.Commits {
		d := &forge.Draft{Parent: commit.Parent, Author: p.Author, Message: c.Message, At: p.At,
			Change: forge.Change{Write: p.Files(commit), Remove: commit.Remove}}
		for _, r := range commit.Refs {
			out = append(out, forge.RefUpdate{Branch: r.Branch, Expect: r.Expect, Draft: d})
		}
	}
	return out
}

// Files are those that a commit writes, by path.
func (p Plan) Files(c Commit) map[string][]byte {
	files := make(map[string][]byte, len(c.Write))
	for path, name := range c.Write {
		files[path] = p.Contents.files[name]
	}
	return files
}

// Branches of a change, in order.
func (c Change) Branches() []string {
	var out []string
	for _, commit := range c.Commits {
		for _, r := range commit.Refs {
			out = append(out, r.Branch)
		}
	}
	return out
}

// Paths of the files that a commit writes, sorted.
func (c Commit) Paths() []string { return slices.Sorted(maps.Keys(c.Write)) }

// Applications that a plan changes, in its order.
func (p Plan) Applications() []string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Application)
	}
	return out
}

// empty is a plan that writes nothing, because Git says it already.
func (p Plan) empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return len(c.Commits) > 0 })
}

// UnmarshalJSON implements json.Unmarshaler. It reads also the plans of one repository that earlier versions stored.
func (p *Plan) UnmarshalJSON(b []byte) error {
	type plain Plan
	if err := json.Unmarshal(b, (*plain)(p)); err != nil {
		return err
	}
	var old struct {
		Repo        forge.Repo        `json:"repo"`
		Create      bool              `json:"create"`
		Description string            `json:"description"`
		Adopt       string            `json:"adopt"`
		Message     string            `json:"message"`
		Write       map[string][]byte `json:"write"`
		Commits     []Commit          `json:"commits"`
	}
	if len(p.Changes) > 0 {
		return nil
	}
	if err := json.Unmarshal(b, &old); err != nil || old.Repo.Name == "" {
		return err
	}
	for i := range old.Commits {
		old.Commits[i].Write = p.Contents.add(old.Write)
	}
	p.Changes = []Change{{Application: old.Repo.Name, Repo: old.Repo, Create: old.Create, Description: old.Description,
		Adopt: old.Adopt, Message: old.Message, Commits: old.Commits}}
	return nil
}
