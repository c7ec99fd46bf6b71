package spine

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Event is one fact on the spine: a CloudEvents 1.0 envelope in structured JSON around one message of
// catalyst.spine.v1. It marshals to what https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
// describes.
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

	// Sequence is the position in the stream; set on receipt only.
	Sequence uint64
}

type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// MarshalJSON writes the envelope.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.ID == "" || e.Source == "" || e.Subject == "" || e.Data == nil {
		return nil, errors.New("an event needs an id, a source, a subject and data")
	}
	data, err := protojson.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	return json.Marshal(envelope{
		SpecVersion: "1.0", ID: e.ID, Source: e.Source, Subject: e.Subject, Time: e.Time.UTC(),
		Type: string(e.Data.ProtoReflect().Descriptor().FullName()), DataContentType: "application/json", Data: data,
	})
}

// UnmarshalJSON reads an envelope. Unknown fields of the data are passed over, so that an older reader survives a newer
// writer; an unknown type is an error.
func (e *Event) UnmarshalJSON(b []byte) error {
	var v envelope
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.SpecVersion != "1.0" || v.ID == "" || v.Type == "" {
		return errors.New("not a CloudEvents 1.0 envelope")
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoName(v.Type))
	if err != nil {
		return fmt.Errorf("event type %q is unknown", v.Type)
	}
	data := t.New().Interface()
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(v.Data, data); err != nil {
		return fmt.Errorf("event data of type %s: %w", v.Type, err)
	}
	*e = Event{ID: v.ID, Source: v.Source, Subject: v.Subject, Time: v.Time, Data: data}
	return nil
}
