package spine

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// MaxEvent is the size in bytes of the largest event that the spine takes.
const MaxEvent = 256 << 10

// ErrTooLarge says that an event is larger than MaxEvent.
var ErrTooLarge = errors.New("the event is too large")

// Event is one fact on the spine: a CloudEvents 1.0 event around one message of catalyst.spine.v1, carried in binary
// mode as the NATS binding describes it (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md):
// the attributes are headers of the message, the data is protobuf.
type Event struct {
	// ID is the same for the same fact however often it is published; the stream drops the repetition.
	ID string
	// Source is a URI reference of what saw the fact, such as /observer/local or /provisioning.
	Source string
	// Subject on the spine; see Object, Branch and Operation.
	Subject string
	// Time at which it was observed.
	Time time.Time
	Data proto.Message

	// Sequence is the position in the stream, and Stored when the stream took it; set on receipt only.
	Sequence uint64
	Stored   time.Time
}

// The headers of an event.
const (
	headerVersion = "ce-specversion"
	headerID      = "ce-id"
	headerSource  = "ce-source"
	headerType    = "ce-type"
	headerTime    = "ce-time"
	headerContent = "content-type"
	contentType   = "application/protobuf"
)

// Message is the event as NATS carries it.
func (e Event) Message() (*nats.Msg, error) {
	if e.ID == "" || e.Source == "" || e.Subject == "" || e.Data == nil {
		return nil, errors.New("an event needs an id, a source, a subject and data")
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	if len(data) > MaxEvent-4<<10 { // its headers take a part
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, e.Subject, len(data))
	}
	id := headerValue(e.ID)
	return &nats.Msg{Subject: e.Subject, Data: data, Header: nats.Header{
		headerVersion: {"1.0"}, headerID: {id}, headerSource: {headerValue(e.Source)},
		headerType: {string(e.Data.ProtoReflect().Descriptor().FullName())},
		headerTime: {e.Time.UTC().Format(time.RFC3339Nano)}, headerContent: {contentType},
		nats.MsgIdHdr: {id},
	}}, nil
}

// ParseEvent reads an event. Unknown fields of the data are passed over, so that an older reader survives a newer writer;
// an unknown type is an error.
func ParseEvent(subject string, h nats.Header, data []byte) (Event, error) {
	if h.Get(headerVersion) != "1.0" || h.Get(headerID) == "" || h.Get(headerContent) != contentType {
		return Event{}, errors.New("it is no CloudEvents 1.0 event with protobuf data")
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(h.Get(headerType)))
	if err != nil {
		return Event{}, fmt.Errorf("its type %q is unknown", h.Get(headerType))
	}
	at, err := time.Parse(time.RFC3339Nano, h.Get(headerTime))
	if err != nil {
		return Event{}, fmt.Errorf("its time %q cannot be read", h.Get(headerTime))
	}
	id, err := url.PathUnescape(h.Get(headerID))
	if err != nil {
		return Event{}, fmt.Errorf("its id: %w", err)
	}
	source, err := url.PathUnescape(h.Get(headerSource))
	if err != nil {
		return Event{}, fmt.Errorf("its source: %w", err)
	}
	m := t.New().Interface()
	if err := proto.Unmarshal(data, m); err != nil {
		return Event{}, fmt.Errorf("its data is no %s", h.Get(headerType))
	}
	return Event{ID: id, Source: source, Subject: subject, Time: at, Data: m}, nil
}

// headerValue escapes what a header cannot carry, as the binding asks for: everything but printable ASCII, the blank,
// the quote and the percent sign.
func headerValue(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] > ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '%'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
