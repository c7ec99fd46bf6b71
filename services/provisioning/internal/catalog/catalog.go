// Package catalog asks the catalog service for Blueprints.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"go.yaml.in/yaml/v3"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/artifact"
	catalogv1 "catalyst.openova.io/proto/gen/catalyst/catalog/v1"
	"catalyst.openova.io/proto/gen/catalyst/catalog/v1/catalogv1connect"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// Client implements operation.Catalog.
type Client struct {
	rpc catalogv1connect.CatalogServiceClient

	mu    sync.Mutex
	known map[string]operation.Blueprint
}

var _ operation.Catalog = (*Client)(nil)

// New returns a client of the catalog at a URL.
func New(url string) *Client {
	return &Client{known: map[string]operation.Blueprint{}, rpc: catalogv1connect.NewCatalogServiceClient(&http.Client{Timeout: 10 * time.Second}, url,
		connect.WithReadMaxBytes(32<<20), connect.WithInterceptors(connect.UnaryInterceptorFunc(forward)))}
}

type tokenKey struct{}

// ForwardToken lets the catalog be asked as the person who asks us.
func ForwardToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, r.Header.Get("Authorization"))))
	})
}

func forward(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if token, ok := ctx.Value(tokenKey{}).(string); ok && token != "" {
			req.Header().Set("Authorization", token)
		}
		return next(ctx, req)
	}
}

// Blueprint implements operation.Catalog.
func (c *Client) Blueprint(ctx context.Context, name, version string) (operation.Blueprint, error) {
	res, err := c.get(ctx, name, version)
	if err != nil {
		return operation.Blueprint{}, c.explain(ctx, name, version, err)
	}
	bp, err := c.read(res.GetName(), res)
	if err != nil {
		return operation.Blueprint{}, &operation.Error{Code: operation.CodeVersionRefused,
			Message: fmt.Sprintf("%s %s cannot be read: %v.", name, res.GetVersion(), err)}
	}
	return bp, nil
}

// Versions implements operation.Catalog.
func (c *Client) Versions(ctx context.Context, name string) ([]operation.Version, error) {
	res, err := c.rpc.ListVersions(ctx, connect.NewRequest(&catalogv1.ListVersionsRequest{Name: name}))
	if connect.CodeOf(err) == connect.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, c.explain(ctx, name, "", err)
	}
	out := make([]operation.Version, 0, len(res.Msg.GetVersions()))
	for _, v := range res.Msg.GetVersions() {
		version := operation.Version{Refused: v.GetRefused()}
		if version.Refused == "" {
			if version.Blueprint, err = c.read(name, v); err != nil {
				version.Refused = "cannot be read: " + err.Error()
			}
		}
		version.Name, version.Version = name, v.GetVersion()
		out = append(out, version)
	}
	return out, nil
}

// verified is what the catalog says of a version that may be installed.
type verified interface {
	GetVersion() string
	GetDocument() []byte
	GetRepository() string
	GetDigest() string
	GetInsecure() bool
}

// maxKnown bounds the documents that are kept parsed.
const maxKnown = 1000

// read returns a version. A document is parsed once: its digest stands for what it says.
func (c *Client) read(name string, v verified) (operation.Blueprint, error) {
	key := v.GetRepository() + "@" + v.GetDigest()
	c.mu.Lock()
	bp, ok := c.known[key]
	c.mu.Unlock()
	if ok && bp.Insecure == v.GetInsecure() {
		return bp, nil
	}
	doc, err := blueprint.Parse(v.GetDocument())
	if err != nil {
		return operation.Blueprint{}, err
	}
	mediaType, what := artifact.PayloadMediaType(doc.Spec.Manifests.Engine)
	bp = operation.Blueprint{
		Document: doc,
		Blueprint: gitlayout.Blueprint{
			Name: name, Version: v.GetVersion(), Digest: v.GetDigest(), Repository: v.GetRepository(), Insecure: v.GetInsecure(),
			Engine: gitlayout.Engine(doc.Spec.Manifests.Engine), MediaType: mediaType, Operation: what, Settings: Settings(v.GetDocument()),
		},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[key] = bp
	return bp, nil
}

func (c *Client) get(ctx context.Context, name, version string) (*catalogv1.GetBlueprintResponse, error) {
	res, err := c.rpc.GetBlueprint(ctx, connect.NewRequest(&catalogv1.GetBlueprintRequest{Name: name, Version: version}))
	if err != nil {
		return nil, err
	}
	return res.Msg, nil
}

func (c *Client) explain(ctx context.Context, name, version string, err error) error {
	var remote *connect.Error
	message := err.Error()
	if errors.As(err, &remote) {
		message = remote.Message()
	}
	switch connect.CodeOf(err) {
	case connect.CodeNotFound:
		code := operation.CodeBlueprintNotFound
		if version != "" {
			if _, err := c.get(ctx, name, ""); connect.CodeOf(err) != connect.CodeNotFound {
				code = operation.CodeVersionNotFound
			}
		}
		return &operation.Error{Code: code, Message: message}
	case connect.CodeFailedPrecondition:
		return &operation.Error{Code: operation.CodeVersionRefused, Message: message}
	case connect.CodeCanceled:
		return context.Canceled
	default:
		return &operation.Error{Code: operation.CodeCatalogUnavailable,
			Message: "The catalog does not answer now, so " + name + " cannot be checked. Nothing was changed; try again in a moment."}
	}
}

// Settings lists the properties of a configSchema in the order of the document, with what it says about them.
func Settings(document []byte) []gitlayout.Setting {
	var doc struct {
		Spec struct {
			ConfigSchema struct {
				Properties yaml.Node `yaml:"properties"`
			} `yaml:"configSchema"`
		} `yaml:"spec"`
	}
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return nil // it was parsed before; without it the settings are in the order of their names
	}
	var out []gitlayout.Setting
	content := doc.Spec.ConfigSchema.Properties.Content
	for i := 0; i+1 < len(content); i += 2 {
		var about struct {
			Title       string `yaml:"title"`
			Description string `yaml:"description"`
		}
		if err := content[i+1].Decode(&about); err != nil {
			about.Title, about.Description = "", ""
		}
		out = append(out, gitlayout.Setting{Name: content[i].Value, Title: about.Title, Description: about.Description})
	}
	return out
}
