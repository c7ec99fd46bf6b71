// Package readmodel reads Organizations, Environments and Applications where everybody reads them: in the projector's views.
package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/blueprint/resolve"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// envTypes in the order in which an Application is promoted. An Environment is always called {organization}-{env_type}.
var envTypes = []string{"dev", "poc", "stg", "uat", "prod"}

// Directory implements operation.Directory.
type Directory struct{ accounts *spine.Accounts }

var _ operation.Directory = (*Directory)(nil)

// New returns a directory on the spine: Organizations and Environments are in the Sovereign's own account, Applications in
// that of their Organization.
func New(accounts *spine.Accounts) *Directory { return &Directory{accounts: accounts} }

// Environments implements operation.Directory.
func (d *Directory) Environments(ctx context.Context, organization string) ([]operation.Environment, error) {
	kv, err := d.accounts.Sovereign().JetStream().KeyValue(ctx, spine.Bucket(spine.System))
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

// within is how long the read model may take to answer.
const within = 5 * time.Second

// Applications implements operation.Directory.
func (d *Directory) Applications(ctx context.Context, environment string) ([]resolve.Installed, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	account, err := d.accounts.Of(ctx, environment)
	if errors.Is(err, spine.ErrNoAccount) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("applications of %s: %w", environment, err)
	}
	kv, err := account.JetStream().KeyValue(ctx, spine.Bucket(environment))
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil // nothing was ever heard of it
	}
	if err != nil {
		return nil, fmt.Errorf("applications of %s: %w", environment, err)
	}
	watch, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("applications of %s: %w", environment, err)
	}
	defer watch.Stop() //nolint:errcheck // it ends with ctx in any case
	var out []resolve.Installed
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("applications of %s: %w", environment, ctx.Err())
		case e, ok := <-watch.Updates():
			if !ok || e == nil { // nil marks the end of what is stored
				slices.SortFunc(out, func(a, b resolve.Installed) int { return strings.Compare(a.Application, b.Application) })
				return out, nil
			}
			if kind, _, ok := spine.ParseKey(e.Key()); !ok || kind != string(view.KindApplication) {
				continue
			}
			var v view.Application
			if err := json.Unmarshal(e.Value(), &v); err != nil {
				return nil, fmt.Errorf("view %s: %w", e.Key(), err)
			}
			if v.Phase != view.PhaseRemoving { // Git no longer holds it
				out = append(out, installed(v))
			}
		}
	}
}

func installed(v view.Application) resolve.Installed {
	out := resolve.Installed{Application: v.Name, Blueprint: v.Blueprint.Name, Version: v.Blueprint.Version, Phase: string(v.Phase)}
	for _, d := range v.DependsOn {
		out.DependsOn = append(out.DependsOn, d.Application)
	}
	return out
}
