package spine

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Views opens the bucket with the views of an Environment (or System), and makes it if it is not there.
func (s *Spine) Views(ctx context.Context, env string) (jetstream.KeyValue, error) {
	return s.Open(ctx, Bucket(env))
}

// Facts opens the bucket in which the projector keeps what it knows of an Environment (or System), and makes it if it is
// not there.
func (s *Spine) Facts(ctx context.Context, env string) (jetstream.KeyValue, error) {
	return s.Open(ctx, Facts(env))
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
