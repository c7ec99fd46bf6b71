package spine

import (
	"fmt"
	"strings"
)

// System stands where the Environment stands in a subject or bucket, for what belongs to the Sovereign as a whole.
// It cannot clash: an Environment's name ends in -{env_type}.
const System = "system"

// Object is the subject of an observation of a cluster's object: ws.<env>.k8s.<kind>.<namespace>.<name>. Flux objects
// have the class "flux", Crossplane's "crossplane".
func Object(env, class, kind, namespace, name string) string {
	return join(env, class, kind, namespace, name)
}

// Branch is the subject of an observation of an Application repo's branch: ws.<env>.git.<application>.
func Branch(env, application string) string { return join(env, "git", application) }

// Checked is the subject of what a check of an Application repo's branch found: ws.<env>.check.<application>.
func Checked(env, application string) string { return join(env, "check", application) }

// Operation is the subject of an Operation's progress: ws.<env>.op.<id>.
func Operation(env, id string) string { return join(env, "op", id) }

// Source is the subject of whether a source of an Environment's observations can be heard: ws.<env>.source.<source>.
func Source(env, source string) string { return join(env, "source", source) }

// Cluster is the subject of what is known of a cluster as a whole: ws.system.cluster.<name>.
func Cluster(name string) string { return join(System, "cluster", name) }

// HeartbeatOf is the subject of a source's heartbeats: ws.system.heartbeat.<source>.
func HeartbeatOf(source string) string { return join(System, "heartbeat", source) }

// SetAside is the subject of what had no effect: ws.system.aside.<organization>.<id>.
func SetAside(organization, id string) string { return join(System, "aside", organization, id) }

// All matches every event on the spine.
const All = "ws.>"

// Class matches the events of one class (k8s, flux, git, check, op) in every Environment of an account.
func Class(class string) string { return "ws.*." + Encode(class) + ".>" }

// Environment matches every event of one Environment, or of System.
func Environment(env string) string { return "ws." + Encode(env) + ".>" }

// ParseEnvironment takes the name of an Environment apart, which is {organization}-{env_type}.
func ParseEnvironment(env string) (organization, envType string, err error) {
	i := strings.LastIndexByte(env, '-')
	if i <= 0 || i == len(env)-1 {
		return "", "", fmt.Errorf("%q is no name of an Environment", env)
	}
	return env[:i], env[i+1:], nil
}

func join(tokens ...string) string {
	var b strings.Builder
	b.WriteString("ws")
	for _, t := range tokens {
		b.WriteByte('.')
		b.WriteString(Encode(t))
	}
	return b.String()
}

// Bucket is the name of the key-value bucket with the views of an Environment, or of System.
func Bucket(env string) string { return "ws-" + Encode(env) + "-state" }

// EnvironmentOf is the inverse of Bucket; ok is false for a bucket that holds no views.
func EnvironmentOf(bucket string) (env string, ok bool) { return between(bucket, "-state") }

// Facts is the name of the bucket in which the projector keeps what it knows of an Environment, from which the views
// follow.
func Facts(env string) string { return "ws-" + Encode(env) + "-facts" }

// EnvironmentOfFacts is the inverse of Facts.
func EnvironmentOfFacts(bucket string) (env string, ok bool) { return between(bucket, "-facts") }

func between(bucket, suffix string) (env string, ok bool) {
	t, ok := strings.CutPrefix(bucket, "ws-")
	if !ok {
		return "", false
	}
	if t, ok = strings.CutSuffix(t, suffix); !ok {
		return "", false
	}
	env, err := Decode(t)
	return env, err == nil
}

// Key is a key in such a bucket: <kind>/<name>.
func Key(kind, name string) string { return Encode(kind) + "/" + Encode(name) }

// ParseKey is the inverse of Key.
func ParseKey(key string) (kind, name string, ok bool) {
	k, n, ok := strings.Cut(key, "/")
	if !ok {
		return "", "", false
	}
	kind, err := Decode(k)
	if err != nil {
		return "", "", false
	}
	name, err = Decode(n)
	return kind, name, err == nil
}
