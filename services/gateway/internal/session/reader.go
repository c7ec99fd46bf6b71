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
	"catalyst.openova.io/services/gateway/internal/readmodel"
	"catalyst.openova.io/services/gateway/internal/stream"
)

// May is the rule of what a person may see, for the stream, REST and GraphQL alike. It looks at the kind, Organization
// and Environment only.
func May(p identity.Person, h view.Header) bool {
	switch h.Kind {
	case view.KindSovereign:
		return identity.Can(p, identity.PermRead, "", "")
	case view.KindSetAside:
		return identity.Can(p, identity.PermAdministerSovereign, "", "")
	case view.KindOrganization:
		return identity.Can(p, identity.PermSeeOrganization, h.Organization, "")
	default:
		return h.Organization != "" && identity.Can(p, identity.PermRead, h.Organization, identity.EnvType(h.Organization, h.Environment))
	}
}

// Sight is what a person may see. Its key names the person's roles, in whatever order the issuer lists them.
func Sight(p identity.Person) readmodel.Sight {
	roles := make([]string, 0, len(p.Roles))
	for _, role := range p.Roles {
		roles = append(roles, fmt.Sprintf("%s/%s/%s", role.Organization, role.EnvType, role.Name))
	}
	slices.Sort(roles)
	return readmodel.Sight{Key: "roles " + strings.Join(roles, " "), May: func(h view.Header) bool { return May(p, h) }}
}

// SightOf is what the person of a request may see: nothing if nobody has signed in.
func SightOf(ctx context.Context) readmodel.Sight {
	p, ok := identity.FromContext(ctx)
	if !ok {
		return readmodel.Sight{May: func(view.Header) bool { return false }}
	}
	return Sight(p)
}

type readerKey struct{}

// ReaderOf returns who sent a request that Require let through; ok is false for any other.
func ReaderOf(ctx context.Context) (r stream.Reader, ok bool) {
	r, ok = ctx.Value(readerKey{}).(stream.Reader)
	return r, ok
}

// Reader authenticates a client of the stream.
func (m *Manager) Reader(r *http.Request) (stream.Reader, *server.Problem) {
	shown := m.credential(r)
	c, problem := m.authenticate(r.Context(), shown)
	if problem != nil {
		return stream.Reader{}, problem
	}
	return m.reader(shown, c), nil
}

func (m *Manager) reader(shown credential, c caller) stream.Reader {
	return stream.Reader{
		Sight: Sight(c.person), Until: c.believed, Credential: shown.bearer + "\x00" + shown.session,
		Again: func(ctx context.Context) (stream.Reader, error) {
			again, problem := m.again(ctx, shown, c)
			switch {
			case problem == nil:
				return m.reader(shown, again), nil
			case problem.Status == http.StatusServiceUnavailable:
				return m.reader(shown, c), nil // what is believed holds until it expires
			default:
				return stream.Reader{}, problem
			}
		},
	}
}

// again asks who shows a credential, when that is known for a moment ago. A token says the same as long as it holds, so
// that it is not verified anew.
func (m *Manager) again(ctx context.Context, shown credential, before caller) (caller, *server.Problem) {
	if shown.bearer != "" && time.Now().Before(before.believed) {
		return before, nil
	}
	if shown.bearer == "" {
		session, t, ok, problem := m.load(ctx, shown.session)
		if problem != nil {
			return caller{}, problem
		}
		if ok && t.Access == before.token && t.Expires.Sub(m.now()) >= refreshBefore {
			before.expires = m.sessions.Deadline(session)
			return before, nil
		}
	}
	return m.authenticate(ctx, shown)
}
