// Package readmodel reads Organizations and Environments where everybody reads them: in the projector's views.
package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// envTypes in the order in which an Application is promoted. An Environment is always called {organization}-{env_type}.
var envTypes = []string{"dev", "poc", "stg", "uat", "prod"}

// Directory implements operation.Directory.
type Directory struct{ spine *spine.Spine }

var _ operation.Directory = (*Directory)(nil)

// New returns a directory on a spine.
func New(sp *spine.Spine) *Directory { return &Directory{spine: sp} }

// Environments implements operation.Directory.
func (d *Directory) Environments(ctx context.Context, organization string) ([]operation.Environment, error) {
	kv, err := d.spine.JetStream().KeyValue(ctx, spine.Bucket(spine.System))
	if err != nil {
		return nil, fmt.Errorf("the views, which the projector makes: %w", err)
	}
	_, err = kv.Get(ctx, spine.Key(string(view.KindOrganization), organization))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, &operation.Error{Code: operation.CodeOrganizationNotFound, Message: fmt.Sprintf("There is no Organization %q.", organization)}
	}
	if err != nil {
		return nil, fmt.Errorf("organization %s: %w", organization, err)
	}
	var out []operation.Environment
	for _, envType := range envTypes {
		e, err := kv.Get(ctx, spine.Key(string(view.KindEnvironment), organization+"-"+envType))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("environments of %s: %w", organization, err)
		}
		var v view.Environment
		if err := json.Unmarshal(e.Value(), &v); err != nil {
			return nil, fmt.Errorf("view %s: %w", e.Key(), err)
		}
		if v.Organization == organization {
			out = append(out, operation.Environment{Name: v.Name, EnvType: v.EnvType, Branch: v.Branch, Ready: v.Ready, Message: v.Message})
		}
	}
	return out, nil
}
