package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// keySet is go-oidc's, with two additions: it tells "the keys cannot be had" from "the signature is wrong", and tokens
// with made-up key ids cannot make us ask the issuer more than once a second.
type keySet struct{ remote *oidc.RemoteKeySet }

func newKeySet(url string) keySet {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &onceASecond{next: http.DefaultTransport}}
	return keySet{remote: oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), url)}
}

func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		// go-oidc flattens the error to text on its way up, so the mark has to be text as well.
		return nil, fmt.Errorf("%s: %w", unavailableMark, err)
	}
	return payload, err
}

const unavailableMark = "catalyst: keys unavailable"

// verdict sorts an error of go-oidc into the two that a caller can act on.
func verdict(err error) error {
	if _, cause, ok := strings.Cut(err.Error(), unavailableMark+": "); ok {
		return fmt.Errorf("%w: %s", ErrUnavailable, cause)
	}
	return fmt.Errorf("%w: %s", ErrInvalidToken, strings.TrimPrefix(err.Error(), "oidc: "))
}

// onceASecond answers a repeated request from the last good answer for one second.
type onceASecond struct {
	next http.RoundTripper

	mu   sync.Mutex
	at   time.Time
	body []byte
	head http.Header
}

func (o *onceASecond) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.body == nil || time.Since(o.at) > time.Second {
		resp, err := o.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return resp, nil
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return nil, err
		}
		o.at, o.body, o.head = time.Now(), body, resp.Header
	}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: o.head.Clone(), Body: io.NopCloser(bytes.NewReader(o.body)), ContentLength: int64(len(o.body)), Request: r}, nil
}
