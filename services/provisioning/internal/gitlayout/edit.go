package gitlayout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxEdited is the size in bytes of the largest file that is edited.
const maxEdited = 256 << 10

// NotEditableError says why a file that people wrote cannot be edited. It is left as it is.
type NotEditableError struct {
	File string
	// Line is 0 where it is not known.
	Line   int
	Reason string
}

func (e *NotEditableError) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s, line %d", e.File, e.Line)
	}
	return at + ": " + e.Reason + "; change it by hand, with a commit"
}

// style says how an edit writes what was not there.
type style struct {
	// order of new keys, with the comments above them, in the outermost mapping.
	order []string
	about map[string]string
	// inner is the order of new keys in every other mapping; the rest follows by name.
	inner []string
	// after names the keys behind which a new key goes, the first that is there; others go to the end.
	after map[string][]string
	// remark gives the remark behind a value that changes.
	remark func(string) string
	// empty is the head of a file that says nothing yet.
	empty string
}

// editYAML returns a document that says want. It changes the lines of what differs, and no other byte. The parser says
// where each key and each item begins; what is edited is read again, and refused if it says anything else.
func editYAML(file string, old []byte, want map[string]any, s style) ([]byte, error) {
	refuse := func(format string, args ...any) ([]byte, error) {
		return nil, &NotEditableError{File: file, Reason: fmt.Sprintf(format, args...)}
	}
	if len(old) > maxEdited {
		return refuse("it has %d bytes, and at most %d can be edited", len(old), maxEdited)
	}
	before, err := readYAML(old)
	if err != nil {
		return refuse("%s", reason(err))
	}
	if equal(before, want) {
		return old, nil
	}
	e := &editor{style: s, file: file}
	root, err := e.open(old)
	if err != nil {
		return refuse("%s", reason(err))
	}
	lines, err := e.root(root, before, want)
	if err != nil {
		return nil, err
	}
	edited := e.close(lines)
	if after, err := readYAML(edited); err != nil || !equal(after, want) {
		return refuse("it is written in a way that cannot be edited without changing something else")
	}
	return edited, nil
}

// reason says in plain words why a file cannot be read.
func reason(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return "it is no mapping of names to values"
	}
	return last(err)
}

// last is the last part of an error: what is wrong, without where it was noticed.
func last(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")), " ")
}

// editor holds the lines of a document, each with what ends it.
type editor struct {
	style

	file  string
	lines []string
	// end is what ends a line; bom what stands before the first; open tells that the last line has no end.
	end, bom string
	openEnd  bool
}

func (e *editor) open(old []byte) (*yaml.Node, error) {
	e.end = "\n"
	if bytes.Contains(old, []byte("\r\n")) {
		e.end = "\r\n"
	}
	text, found := strings.CutPrefix(string(old), "\ufeff")
	if found {
		e.bom = "\ufeff"
	}
	e.lines = cutLines(text)
	if n := len(e.lines); n > 0 && strings.TrimRight(e.lines[n-1], lineEnds) == e.lines[n-1] {
		e.openEnd = true
		e.lines[n-1] += e.end
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if len(strings.TrimSpace(text)) == 0 || strings.Contains(err.Error(), "EOF") {
			return nil, nil
		}
		return nil, err
	}
	var more yaml.Node
	if decoder.Decode(&more) == nil {
		return nil, errors.New("it holds more than one document")
	}
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		return root.Content[0], nil
	}
	return &root, nil
}

func (e *editor) close(lines []string) []byte {
	text := e.bom + strings.Join(lines, "")
	if e.openEnd {
		text = strings.TrimSuffix(text, e.end)
	}
	return []byte(text)
}

const lineEnds = "\r\n\u0085\u2028\u2029"

// cutLines cuts where a YAML parser counts a line.
func cutLines(text string) []string {
	var lines []string
	for text != "" {
		i := strings.IndexAny(text, lineEnds)
		if i < 0 {
			return append(lines, text)
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		if strings.HasPrefix(text[i:], "\r\n") {
			size = 2
		}
		lines = append(lines, text[:i+size])
		text = text[i+size:]
	}
	return lines
}
