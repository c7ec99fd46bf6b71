package session

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/pkg/identity"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// May is the rule of what a person may see, for the stream and REST alike.
func May(p identity.Person, h view.Header) bool {
	switch h.Kind {
	case view.KindSovereign:
		return identity.Can(p, identity.PermRead, "", "")
	case view.KindOrganization:
		return identity.Can(p, identity.PermSeeOrganization, h.Organization, "")
	default:
		return h.Organization != "" && identity.Can(p, identity.PermRead, h.Organization, identity.EnvType(h.Organization, h.Environment))
	}
}

// reader is a caller of the stream.
type reader struct {
	m *Manager
	c caller
	r *http.Request
}

// Reader authenticates a client of the stream.
func (m *Manager) Reader(r *http.Request) (stream.Reader, *server.Problem) {
	c, problem := m.authenticate(r.Context(), r)
	if problem != nil {
		return nil, problem
	}
	return &reader{m: m, c: c, r: r}, nil
}

func (r *reader) May(h view.Header) bool { return May(r.c.person, h) }

// Rights names the person's roles, in whatever order the issuer lists them.
func (r *reader) Rights() string {
	roles := make([]string, 0, len(r.c.person.Roles))
	for _, role := range r.c.person.Roles {
		roles = append(roles, fmt.Sprintf("%s/%s/%s", role.Organization, role.EnvType, role.Name))
	}
	slices.Sort(roles)
	return strings.Join(roles, " ")
}

func (r *reader) Expires() time.Time { return r.c.believed }

// Check asks again who this is. If that cannot be told now, what is believed holds until it expires.
func (r *reader) Check(ctx context.Context) error {
	c, problem := r.m.authenticate(ctx, r.r)
	switch {
	case problem == nil:
		r.c = c
		return nil
	case problem.Status == http.StatusServiceUnavailable:
		return nil
	default:
		return problem
	}
}
