// Package observation turns what a cluster holds into what the spine says of it: which Environment and Application an
// object belongs to, and the event that tells of it. It knows no Kubernetes client.
package observation

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// Object is one object of a cluster as it was seen. Seen holds its own facts (name, version, health, detail), not yet
// to whom it belongs. It is never changed after it was made.
type Object struct {
	Seen   *spinev1.ObjectObserved
	Labels map[string]string
}

// What is longer is cut: a summary must fit an event.
const (
	maxMessage = 1024
	maxList    = 32
)

// fluxGroups is what the API groups of Flux have in common.
const fluxGroups = ".toolkit.fluxcd.io/"

// Class is the class of subject that an object is published under.
func Class(apiVersion string) string {
	if strings.Contains(apiVersion, fluxGroups) {
		return "flux"
	}
	return "k8s"
}

// Describe makes the event that tells of an object, with the Environment of its namespace and the Application that it
// belongs to. ok is false for an object that nobody of the Sovereign asks for. The ID is the same for the same version
// of the object in the same place, however often it is seen.
func Describe(o Object, places *Places, deleted bool, now time.Time) (e spine.Event, ok bool) {
	ref := o.Seen.GetObject()
	place, placed := places.Of(ref.GetNamespace())
	if !placed && !ofSovereign(ref) {
		return spine.Event{}, false
	}
	seen, _ := proto.Clone(o.Seen).(*spinev1.ObjectObserved)
	seen.Organization, seen.Environment = place.Organization, place.Environment
	if placed {
		seen.Application = ApplicationOf(ref, o.Labels)
	}
	seen.Deleted, seen.ObservedAt = deleted, timestamppb.New(now)
	trim(seen)
	return event(seen, now), true
}

// Gone makes the event that tells that an object which was last seen as such is not there any more.
func Gone(last *spinev1.ObjectObserved, now time.Time) spine.Event {
	seen, _ := proto.Clone(last).(*spinev1.ObjectObserved)
	seen.Deleted, seen.ObservedAt = true, timestamppb.New(now)
	return event(seen, now)
}

func event(seen *spinev1.ObjectObserved, now time.Time) spine.Event {
	ref := seen.GetObject()
	env := seen.GetEnvironment()
	if env == "" {
		env = spine.System
	}
	id := strings.Join([]string{ref.GetCluster(), ref.GetUid(), seen.GetResourceVersion(), env, seen.GetApplication()}, "/")
	if seen.GetDeleted() {
		id = strings.Join([]string{ref.GetCluster(), ref.GetUid(), "deleted", env}, "/")
	}
	return spine.Event{
		ID: id, Source: "/observer/" + ref.GetCluster(), Time: now, Data: seen,
		Subject: spine.Object(env, Class(ref.GetApiVersion()), ref.GetKind(), ref.GetNamespace(), ref.GetName()),
	}
}

// ofSovereign tells whether an object outside every Environment matters to the Sovereign itself.
func ofSovereign(ref *spinev1.ObjectRef) bool {
	switch ref.GetKind() {
	case "Node", "Organization", "Environment":
		return true
	default:
		return ref.GetNamespace() == v1alpha1.SystemNamespace
	}
}

// ApplicationOf is the Application that an object in an Environment's namespace belongs to: its label says so, and a
// Flux object without one is named after it. Everything else belongs to none.
func ApplicationOf(ref *spinev1.ObjectRef, labels map[string]string) string {
	if app := labels[v1alpha1.LabelApplication]; app != "" {
		return app
	}
	if Class(ref.GetApiVersion()) != "flux" {
		return ""
	}
	switch ref.GetKind() {
	case "GitRepository", "OCIRepository", "HelmRelease":
		return ref.GetName()
	case "Kustomization":
		return strings.TrimSuffix(ref.GetName(), "-blueprint")
	default:
		return ""
	}
}

func trim(seen *spinev1.ObjectObserved) {
	if h := seen.GetHealth(); h != nil {
		h.Message = cut(h.GetMessage())
	}
	if f := seen.GetFlux(); f != nil {
		f.Message = cut(f.GetMessage())
	}
	if w := seen.GetWorkload(); w != nil && len(w.GetImages()) > maxList {
		w.Images = w.GetImages()[:maxList]
	}
	if s := seen.GetService(); s != nil && len(s.GetPorts()) > maxList {
		s.Ports = s.GetPorts()[:maxList]
	}
	if i := seen.GetIngress(); i != nil && len(i.GetUrls()) > maxList {
		i.Urls = i.GetUrls()[:maxList]
	}
}

func cut(s string) string {
	if len(s) <= maxMessage {
		return strings.ToValidUTF8(s, "�")
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "�") + "…"
}

// ClusterEvent makes the event that tells whether a cluster answers.
func ClusterEvent(seen *spinev1.ClusterObserved, now time.Time) spine.Event {
	seen.ObservedAt = timestamppb.New(now)
	seen.Message = cut(seen.GetMessage())
	return spine.Event{
		ID:     seen.GetCluster() + "/" + now.UTC().Format(time.RFC3339Nano),
		Source: "/observer/" + seen.GetCluster(), Subject: spine.Cluster(seen.GetCluster()), Time: now, Data: seen,
	}
}
