package readmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"catalyst.openova.io/pkg/view"
)

// View is one view as it is stored: its header, and the bytes that everybody reads.
type View struct {
	view.Header
	// Key of the view on the stream.
	Key string
	// Object is the view as JSON; nil in a Change that says it is gone.
	Object json.RawMessage
	// Phase and At are what lists are sorted by: the phase of an Application or state of an Operation, and when that
	// began.
	Phase string
	At    time.Time
	// Blueprint of an Application.
	Blueprint string

	at    string // At, so that it sorts
	frame []byte
	sum   uint64
	shelf *shelf // where the store keeps it
}

// Parse reads the header of a stored view.
func Parse(object []byte) (View, error) {
	var h struct {
		view.Header
		Phase     string    `json:"phase"`
		State     string    `json:"state"`
		Since     time.Time `json:"since"`
		CreatedAt time.Time `json:"createdAt"`
		Blueprint struct {
			Name string `json:"name"`
		} `json:"blueprint"`
	}
	if err := json.Unmarshal(object, &h); err != nil {
		return View{}, err
	}
	if h.Kind == "" || h.Name == "" {
		return View{}, errors.New("a view needs a kind and a name")
	}
	v := View{Header: h.Header, Key: h.Header.Key(), Object: object, Phase: h.Phase + h.State, At: h.Since, Blueprint: h.Blueprint.Name}
	if h.Kind == view.KindOperation {
		v.At = h.CreatedAt
	}
	return v, nil
}

// Contains tells whether the view's name or Blueprint has a text in it, whatever its case. The text is in lower case.
func (v *View) Contains(text string) bool {
	return strings.Contains(strings.ToLower(v.Name), text) || strings.Contains(strings.ToLower(v.Blueprint), text)
}

// Frame is the view as a message of the stream (view.Frame), encoded once for everybody. It is one line.
func (v View) Frame() []byte { return v.frame }

// Sum is a hash of the object, for ETags.
func (v View) Sum() uint64 { return v.sum }

// framed returns the view with its frame; the object is then a part of it, so that the bytes are held once.
func (v View) framed() View {
	var b bytes.Buffer
	b.Grow(len(v.Object) + len(v.Key) + 64)
	fmt.Fprintf(&b, `{"key":%s,"kind":%s,"object":`, quote(v.Key), quote(string(v.Kind)))
	start := b.Len()
	if v.Object == nil {
		b.WriteString("null")
	} else if err := json.Compact(&b, v.Object); err != nil {
		// Parse has read the object as JSON, so this is a view that was made by hand.
		b.Truncate(start)
		b.WriteString("null")
	}
	b.WriteByte('}')
	v.frame = bytes.Clone(b.Bytes())
	v.at = v.At.UTC().Format("2006-01-02T15:04:05.000000000Z")
	if v.Object != nil {
		v.Object = v.frame[start : len(v.frame)-1 : len(v.frame)-1]
		h := fnv.New64a()
		h.Write(v.Object)
		v.sum = h.Sum64()
	}
	return v
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // a string always encodes
	}
	return b
}
