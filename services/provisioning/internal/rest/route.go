package rest

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"catalyst.openova.io/services/provisioning/internal/operation"
)

const (
	organization = "/api/v1/organizations/{org}"
	application  = organization + "/environments/{env}/applications/{app}"
	installPlan  = organization + "/install-plans/{plan}"
	anOperation  = organization + "/operations/{id}"
)

func (a *API) routes() {
	post, conflict, moved := http.MethodPost, http.StatusConflict, http.StatusPreconditionFailed

	route(a, accepted("install-application", post, organization+"/applications", "Install an Application", conflict), a.install)
	route(a, accepted("configure-application", http.MethodPut, application+"/values", "Change the settings of an Application in an Environment", moved), a.configure)
	route(a, reads("get-application-values", application+"/values", "Read the settings of an Application in an Environment from Git"), a.values)
	route(a, accepted("upgrade-application", post, application+"/upgrade", "Go to another version of the Blueprint", conflict), a.upgrade)
	route(a, accepted("rollback-application", post, application+"/rollback", "Go back to what an earlier commit says", conflict), a.rollback)
	route(a, accepted("pause-application", post, application+"/pause", "Stop applying changes of an Application in an Environment"), a.change(operation.Pause))
	route(a, accepted("resume-application", post, application+"/resume", "Apply changes again"), a.change(operation.Resume))
	route(a, accepted("uninstall-application", http.MethodDelete, application, "Remove an Application from an Environment", conflict), a.uninstall)
	route(a, accepted("uninstall-application-everywhere", http.MethodDelete, organization+"/applications/{app}", "Remove an Application everywhere", conflict), a.uninstallAll)

	plan := accepted("create-install-plan", post, organization+"/install-plans", "Plan a change and show what it would do", conflict, moved)
	plan.DefaultStatus = http.StatusCreated
	route(a, plan, a.createPlan)
	route(a, reads("get-install-plan", installPlan, "Read an InstallPlan", http.StatusGone), a.getPlan)
	route(a, accepted("apply-install-plan", post, installPlan+"/operation", "Carry out exactly what an InstallPlan shows", conflict, http.StatusGone, moved), a.applyPlan)

	route(a, accepted("cancel-operation", post, anOperation+"/cancel", "End an Operation that has written nothing that stays", conflict), a.cancel)
	route(a, accepted("retry-operation", post, anOperation+"/retry", "Ask again for what an Operation failed to do, planned anew", conflict), a.retry)
}

// route registers a handler. What is said about a conflict is more than about other problems.
func route[I, O any](a *API, o huma.Operation, handler func(context.Context, *I) (*O, error)) {
	o.Responses = map[string]*huma.Response{}
	huma.Register(a.huma, o, handler)
	says := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Conflict](), true, "Conflict")
	for _, status := range []int{http.StatusConflict, http.StatusPreconditionFailed} {
		if answer, ok := o.Responses[strconv.Itoa(status)]; ok {
			answer.Content = map[string]*huma.MediaType{"application/problem+json": {Schema: says}}
		}
	}
}

// accepted describes a route that answers 202 with an Operation.
func accepted(id, method, path, summary string, errs ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Applications"},
		DefaultStatus: http.StatusAccepted, MaxBodyBytes: maxBody,
		Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}, errs...)}
}

func reads(id, path, summary string, errs ...int) huma.Operation {
	o := accepted(id, http.MethodGet, path, summary, errs...)
	o.DefaultStatus = http.StatusOK
	return o
}
