package rest

import (
	"context"
	"net/http"
	"strings"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// InstallRequest is what a person wants to install.
type InstallRequest struct {
	Name        string         `json:"name" maxLength:"1000" doc:"of the Application and of its repository" example:"shop"`
	Blueprint   string         `json:"blueprint" minLength:"1" maxLength:"63" example:"bp-podinfo"`
	Version     string         `json:"version,omitempty" maxLength:"128" doc:"the newest that can be installed if empty"`
	Environment string         `json:"environment" minLength:"1" maxLength:"253" example:"acme-dev"`
	Values      map[string]any `json:"values,omitempty" doc:"settings, as the Blueprint's configSchema describes them"`
	Size        string         `json:"size,omitempty" maxLength:"63" doc:"one of the Blueprint's ready-made sets of settings" example:"small"`
	Choices     Choices        `json:"choices,omitempty" doc:"how dependencies are satisfied, by their path in the tree"`
}

type installInput struct {
	Org  string `path:"org" maxLength:"253"`
	Key  string `header:"Idempotency-Key" doc:"a repetition with the same key returns the first Operation"`
	Body InstallRequest
}

func (in *installInput) request(p operation.Person) operation.Request {
	return operation.Request{
		Action: operation.Install, Organization: in.Org, Environment: in.Body.Environment, Application: in.Body.Name,
		Blueprint: in.Body.Blueprint, Version: in.Body.Version, Values: in.Body.Values, Size: in.Body.Size,
		Choices: in.Body.Choices.domain(), Person: p, Key: in.Key,
	}
}

func (a *API) install(ctx context.Context, in *installInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, in.Body.Environment, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	return a.submit(ctx, in.request(p))
}

// ApplicationPath names an Application in an Environment.
type ApplicationPath struct {
	Org string `path:"org" maxLength:"253"`
	Env string `path:"env" maxLength:"253"`
	App string `path:"app" maxLength:"253"`
}

func (in ApplicationPath) request(action operation.Action, p operation.Person) operation.Request {
	return operation.Request{Action: action, Organization: in.Org, Environment: in.Env, Application: in.App, Person: p}
}

// Values are settings.
type Values struct {
	Values map[string]any `json:"values" doc:"all settings; those left out go back to their defaults"`
	Size   string         `json:"size,omitempty" maxLength:"63" doc:"one of the Blueprint's ready-made sets of settings; as it is now if left out"`
}

type configureInput struct {
	ApplicationPath
	Key   string `header:"Idempotency-Key"`
	Match string `header:"If-Match" doc:"the commit on which the settings were read; if the branch has moved since, nothing is written"`
	Body  Values
}

func (a *API) configure(ctx context.Context, in *configureInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, in.Env, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	r := in.request(operation.Configure, p)
	r.Values, r.Size, r.Key, r.Head = in.Body.Values, in.Body.Size, in.Key, strings.Trim(strings.TrimPrefix(in.Match, "W/"), `" `)
	if r.Head == "*" {
		r.Head = ""
	}
	return a.submit(ctx, r)
}

// CurrentValues are the settings that Git holds.
type CurrentValues struct {
	Values    map[string]any `json:"values"`
	Commit    string         `json:"commit" doc:"the head of the Environment's branch; send it back as If-Match"`
	Blueprint view.Blueprint `json:"blueprint"`
	Size      string         `json:"size,omitempty" doc:"the ready-made set of settings that was chosen"`
}

type valuesOutput struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         CurrentValues
}

func (a *API) values(ctx context.Context, in *ApplicationPath) (*valuesOutput, error) {
	p, err := authorize(ctx, in.Org, in.Env, identity.PermRead)
	if err != nil {
		return nil, err
	}
	s, err := a.service.Settings(ctx, in.request(operation.Configure, p))
	if err != nil {
		return nil, problem(ctx, err)
	}
	return &valuesOutput{ETag: `"` + s.Commit + `"`, CacheControl: "private, no-cache", Body: CurrentValues{
		Values: s.Values, Commit: s.Commit, Blueprint: view.Blueprint{Name: s.Blueprint.Name, Version: s.Blueprint.Version}, Size: s.Size,
	}}, nil
}

type changeInput struct {
	ApplicationPath
	Key string `header:"Idempotency-Key"`
}

// change begins what an Application in an Environment is asked to do without more words.
func (a *API) change(action operation.Action) func(context.Context, *changeInput) (*operationOutput, error) {
	return func(ctx context.Context, in *changeInput) (*operationOutput, error) {
		return a.begin(ctx, in.ApplicationPath, in.Key, operation.Request{Action: action})
	}
}

// begin submits a request for one Application in one Environment.
func (a *API) begin(ctx context.Context, in ApplicationPath, key string, r operation.Request) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, in.Env, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	if in.Env == "" { // never by accident everywhere
		return nil, server.NewProblem(http.StatusNotFound, string(operation.CodeEnvironmentNotFound), "Name the Environment.")
	}
	r.Organization, r.Environment, r.Application, r.Person, r.Key = in.Org, in.Env, in.App, p, key
	return a.submit(ctx, r)
}

// UpgradeRequest names the version to go to.
type UpgradeRequest struct {
	Version string         `json:"version" minLength:"1" maxLength:"128" doc:"a newer one, or an older one where the Blueprint allows it" example:"6.15.0"`
	Values  map[string]any `json:"values,omitempty" doc:"the settings to go on with; those of now if left out"`
	Choices Choices        `json:"choices,omitempty" doc:"how dependencies that are new with the version are satisfied"`
}

type upgradeInput struct {
	ApplicationPath
	Key  string `header:"Idempotency-Key"`
	Body UpgradeRequest
}

func (a *API) upgrade(ctx context.Context, in *upgradeInput) (*operationOutput, error) {
	return a.begin(ctx, in.ApplicationPath, in.Key, operation.Request{Action: operation.Upgrade,
		Version: in.Body.Version, Values: in.Body.Values, Choices: in.Body.Choices.domain()})
}

// RollbackRequest names the commit to go back to.
type RollbackRequest struct {
	Commit string `json:"commit" pattern:"^[0-9a-f]{7,40}$" doc:"an earlier commit of the Environment's branch" example:"3f2a91c"`
}

type rollbackInput struct {
	ApplicationPath
	Key  string `header:"Idempotency-Key"`
	Body RollbackRequest
}

func (a *API) rollback(ctx context.Context, in *rollbackInput) (*operationOutput, error) {
	return a.begin(ctx, in.ApplicationPath, in.Key, operation.Request{Action: operation.Rollback, Commit: in.Body.Commit})
}

type uninstallInput struct {
	ApplicationPath
	Key              string `header:"Idempotency-Key"`
	WithDependencies bool   `query:"withDependencies" doc:"also what was installed for this Application alone, with its data"`
}

func (a *API) uninstall(ctx context.Context, in *uninstallInput) (*operationOutput, error) {
	return a.begin(ctx, in.ApplicationPath, in.Key, operation.Request{Action: operation.Uninstall, WithDependencies: in.WithDependencies})
}

type uninstallAllInput struct {
	Org              string `path:"org" maxLength:"253"`
	App              string `path:"app" maxLength:"253"`
	Key              string `header:"Idempotency-Key"`
	WithDependencies bool   `query:"withDependencies" doc:"also what was installed for this Application alone, with its data"`
}

func (a *API) uninstallAll(ctx context.Context, in *uninstallAllInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, "", identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	return a.submit(ctx, operation.Request{Action: operation.Uninstall, Organization: in.Org, Application: in.App,
		WithDependencies: in.WithDependencies, Person: p, Key: in.Key})
}
