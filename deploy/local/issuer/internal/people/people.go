// Package people knows who may sign in to a Sovereign on one machine. It reads them from a file and again when the file
// changes, so that a changed group counts from the next token on.
package people

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/crypto/bcrypt"
)

// Person is one entry of the file.
type Person struct {
	Name     string   `yaml:"name"`
	Email    string   `yaml:"email"`
	Username string   `yaml:"username"`
	Groups   []string `yaml:"groups"`
	// Password is a bcrypt hash, or plain text for demo people.
	Password string `yaml:"password"`
	// Demo shows the person on the sign-in page.
	Demo bool `yaml:"demo"`
}

func (p Person) hashed() bool { return strings.HasPrefix(p.Password, "$2") }

// Matches tells whether the password is the person's.
func (p Person) Matches(password string) bool {
	if p.hashed() {
		return bcrypt.CompareHashAndPassword([]byte(p.Password), []byte(password)) == nil
	}
	return subtle.ConstantTimeCompare([]byte(p.Password), []byte(password)) == 1
}

// Parse reads a list of people and refuses one that could not work.
func Parse(text []byte) ([]Person, error) {
	var list []Person
	if err := yaml.UnmarshalWithOptions(text, &list, yaml.Strict()); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("it lists nobody")
	}
	seen := map[string]bool{}
	for _, p := range list {
		if _, err := mail.ParseAddress(p.Email); err != nil || p.Username == "" || p.Name == "" || p.Password == "" {
			return nil, fmt.Errorf("%q <%s>: name, email, username and password are all needed", p.Name, p.Email)
		}
		for _, id := range []string{p.Username, p.Email} {
			if seen[strings.ToLower(id)] {
				return nil, fmt.Errorf("%q is there twice", id)
			}
			seen[strings.ToLower(id)] = true
		}
	}
	return list, nil
}

// Directory answers from the people file.
type Directory struct {
	path     string
	fallback []Person

	mu       sync.Mutex
	list     []Person
	modified time.Time
}

// Open reads the file at path; with an empty path the people of fallback are it.
func Open(path string, fallback []byte) (*Directory, error) {
	d := &Directory{path: path}
	if path == "" {
		list, err := Parse(fallback)
		d.fallback = list
		return d, err
	}
	if _, err := d.read(); err != nil {
		return nil, err
	}
	return d, nil
}

// All returns everybody. If the file has become unreadable, the people that it last listed remain.
func (d *Directory) All() []Person {
	list, err := d.read()
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.list
	}
	return list
}

// Find returns the person with this user name or e-mail address.
func (d *Directory) Find(id string) (Person, bool) {
	for _, p := range d.All() {
		if strings.EqualFold(p.Username, id) || strings.EqualFold(p.Email, id) {
			return p, true
		}
	}
	return Person{}, false
}

func (d *Directory) read() ([]Person, error) {
	if d.path == "" {
		return d.fallback, nil
	}
	info, err := os.Stat(d.path)
	if err != nil {
		return nil, fmt.Errorf("people file: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list != nil && info.ModTime().Equal(d.modified) {
		return d.list, nil
	}
	text, err := os.ReadFile(d.path)
	if err != nil {
		return nil, fmt.Errorf("people file: %w", err)
	}
	list, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("people file %s: %w", d.path, err)
	}
	d.list, d.modified = list, info.ModTime()
	return list, nil
}
