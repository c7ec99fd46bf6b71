package spine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Views opens the bucket with the views of an Environment (or System), and makes it if it is not there.
func (s *Spine) Views(ctx context.Context, env string) (jetstream.KeyValue, error) {
	return s.Open(ctx, Bucket(env))
}

// Open opens a bucket that holds the newest value of each key for ever, and makes it if it is not there.
func (s *Spine) Open(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	kv, err := s.js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, History: 1, Storage: jetstream.FileStorage})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = s.js.KeyValue(ctx, bucket)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// Latest calls see with the last event of every subject that matches, and returns when there is no more. A publisher
// that starts again learns with it what it has already said. What cannot be read as an event is passed over.
func (s *Spine) Latest(ctx context.Context, subjects []string, see func(Event)) error {
	cons, err := s.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return fmt.Errorf("last events of %v: %w", subjects, err)
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("last events of %v: %w", subjects, err)
	}
	if info.NumPending == 0 {
		return nil
	}
	it, err := cons.Messages()
	if err != nil {
		return err
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		msg, err := it.Next()
		if err != nil {
			return fmt.Errorf("last events of %v: %w", subjects, errors.Join(ctx.Err(), err))
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		var e Event
		if err := json.Unmarshal(msg.Data(), &e); err == nil {
			e.Subject, e.Sequence = msg.Subject(), meta.Sequence.Stream
			see(e)
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}
