package object

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

type file struct {
	mode string
	hash plumbing.Hash
}

// dir is a folder while a commit is built.
type dir struct {
	dirs  map[string]*dir
	files map[string]file
}

func newDir() *dir { return &dir{dirs: map[string]*dir{}, files: map[string]file{}} }

func (d *dir) empty() bool {
	for _, sub := range d.dirs {
		if !sub.empty() {
			return false
		}
	}
	return len(d.files) == 0
}

// set puts a file. An executable that is written again stays one.
func (d *dir) set(path string, f file) error {
	head, rest, nested := strings.Cut(path, "/")
	if !nested {
		if sub, ok := d.dirs[head]; ok && !sub.empty() {
			return fmt.Errorf("%q is a folder and cannot become a file", path)
		}
		if old, ok := d.files[head]; ok && old.mode == "100755" && f.mode == "100644" {
			f.mode = old.mode
		}
		d.files[head] = f
		return nil
	}
	if _, ok := d.files[head]; ok {
		return fmt.Errorf("%q is a file and cannot become a folder", head)
	}
	sub, ok := d.dirs[head]
	if !ok {
		sub = newDir()
		d.dirs[head] = sub
	}
	return sub.set(rest, f)
}

func (d *dir) remove(path string) bool {
	head, rest, nested := strings.Cut(path, "/")
	if nested {
		sub, ok := d.dirs[head]
		return ok && sub.remove(rest)
	}
	_, ok := d.files[head]
	delete(d.files, head)
	return ok
}

func (d *dir) walk(prefix string, visit func(path string, f file)) {
	for name, f := range d.files {
		visit(prefix+name, f)
	}
	for name, sub := range d.dirs {
		sub.walk(prefix+name+"/", visit)
	}
}
