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
}

type installInput struct {
	Org  string `path:"org" maxLength:"253"`
	Key  string `header:"Idempotency-Key" doc:"a repetition with the same key returns the first Operation"`
	Body InstallRequest
}

func (in *installInput) request(p operation.Person) operation.Request {
	return operation.Request{
		Action: operation.Install, Organization: in.Org, Environment: in.Body.Environment, Application: in.Body.Name,
		Blueprint: in.Body.Blueprint, Version: in.Body.Version, Values: in.Body.Values, Person: p, Key: in.Key,
	}
}

type operationOutput struct {
	Location string `header:"Location"`
	Body     view.Operation
}

func (a *API) submit(ctx context.Context, r operation.Request) (*operationOutput, error) {
	o, err := a.service.Submit(ctx, r)
	if err != nil {
		return nil, problem(ctx, err)
	}
	return &operationOutput{Location: "/api/v1/organizations/" + o.Organization + "/operations/" + o.ID, Body: o.View()}, nil
}

func (a *API) install(ctx context.Context, in *installInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, in.Body.Environment, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	return a.submit(ctx, in.request(p))
}

// InstallPlan is what installing would write.
type InstallPlan struct {
	Commits  []PlannedCommit `json:"commits" nullable:"false"`
	Values   map[string]any  `json:"values" doc:"the settings with their defaults"`
	Warnings []string        `json:"warnings" nullable:"false"`
}

// PlannedCommit is one commit that would be made.
type PlannedCommit struct {
	Repository string        `json:"repository" example:"acme/shop"`
	Branches   []string      `json:"branches" nullable:"false"`
	Message    string        `json:"message"`
	Files      []PlannedFile `json:"files" nullable:"false"`
	Removed    []string      `json:"removed" nullable:"false" doc:"files that would be deleted"`
}

// PlannedFile is one file as it would be.
type PlannedFile struct {
	Path    string `json:"path"`
	Content string `json:"content"`
}

type planOutput struct{ Body InstallPlan }

func (a *API) plan(ctx context.Context, in *installInput) (*planOutput, error) {
	p, err := authorize(ctx, in.Org, in.Body.Environment, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	o, err := a.service.Preview(ctx, in.request(p))
	if err != nil {
		return nil, problem(ctx, err)
	}
	out := InstallPlan{Commits: []PlannedCommit{}, Values: o.Plan.Values, Warnings: append([]string{}, o.Plan.Notes...)}
	for _, c := range o.Plan.Commits {
		planned := PlannedCommit{Repository: o.Plan.Repo.String(), Message: o.Plan.Message, Files: []PlannedFile{}, Removed: append([]string{}, c.Remove...)}
		for _, ref := range c.Refs {
			planned.Branches = append(planned.Branches, ref.Branch)
		}
		for _, path := range o.Plan.Paths() {
			planned.Files = append(planned.Files, PlannedFile{Path: path, Content: string(o.Plan.Write[path])})
		}
		out.Commits = append(out.Commits, planned)
	}
	return &planOutput{Body: out}, nil
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
	r.Values, r.Key, r.Head = in.Body.Values, in.Key, strings.Trim(strings.TrimPrefix(in.Match, "W/"), `" `)
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
		Values: s.Values, Commit: s.Commit, Blueprint: view.Blueprint{Name: s.Blueprint.Name, Version: s.Blueprint.Version},
	}}, nil
}

type uninstallInput struct {
	ApplicationPath
	Key string `header:"Idempotency-Key"`
}

func (a *API) uninstall(ctx context.Context, in *uninstallInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, in.Env, identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	if in.Env == "" { // never by accident everywhere
		return nil, server.NewProblem(http.StatusNotFound, string(operation.CodeEnvironmentNotFound), "Name the Environment.")
	}
	r := in.request(operation.Uninstall, p)
	r.Key = in.Key
	return a.submit(ctx, r)
}

type uninstallAllInput struct {
	Org string `path:"org" maxLength:"253"`
	App string `path:"app" maxLength:"253"`
	Key string `header:"Idempotency-Key"`
}

func (a *API) uninstallAll(ctx context.Context, in *uninstallAllInput) (*operationOutput, error) {
	p, err := authorize(ctx, in.Org, "", identity.PermWriteApplication)
	if err != nil {
		return nil, err
	}
	return a.submit(ctx, operation.Request{Action: operation.Uninstall, Organization: in.Org, Application: in.App, Person: p, Key: in.Key})
}
