//go:build integration

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"catalyst.openova.io/pkg/forge"
	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/forge/gitea/giteatest"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// canary stands wherever a secret may stand.
const canary = "canary-7f3a9"

// sovereign is the observer with real servers around it, and what was heard on the spine.
type sovereign struct {
	*apiServer
	gitea   *giteatest.Server
	git     *forgegitea.Client
	spine   *spine.Accounts
	env     map[string]string
	stop    func()
	mu      sync.Mutex
	newest  map[string]spine.Event // by subject
	all     bytes.Buffer
	repeats map[string]int
}

func (s *sovereign) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, func(k string) string { return s.env[k] }, io.Discard) }()
	s.stop = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("the observer ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the observer did not end within 20 s")
		}
	}
}

// listen keeps the newest event of each subject.
func (s *sovereign) listen(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for at := (spine.Position{}); ctx.Err() == nil; {
			err := s.spine.Sovereign().Read(ctx, spine.Reading{Subjects: []string{spine.All}, After: at}, func(_ context.Context, b spine.Batch) error {
				at = b.End
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, e := range b.Events {
					s.newest[e.Subject] = e
					s.repeats[e.ID]++
					if msg, err := e.Message(); err == nil {
						fmt.Fprintf(&s.all, "%s %v %s\n", msg.Subject, msg.Header, msg.Data)
					}
				}
				return nil
			})
			if errors.Is(err, spine.ErrReplaced) {
				at = spine.Position{}
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func (s *sovereign) event(subject string) spine.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest[subject]
}

func (s *sovereign) object(class, kind, name string) *spinev1.ObjectObserved {
	o, _ := s.event(spine.Object("acme-dev", class, kind, "acme-dev", name)).Data.(*spinev1.ObjectObserved)
	return o
}

// told waits until an object of acme-dev is told as the test wants it.
func (s *sovereign) told(t *testing.T, class, kind, name string, want func(*spinev1.ObjectObserved) bool) time.Duration {
	t.Helper()
	return eventually(t, 30*time.Second, func() error {
		if o := s.object(class, kind, name); o == nil || !want(o) {
			return fmt.Errorf("%s %s: %v", kind, name, o)
		}
		return nil
	})
}

func (s *sovereign) source(env, source string) *spinev1.SourceObserved {
	o, _ := s.event(spine.Source(env, source)).Data.(*spinev1.SourceObserved)
	return o
}

func (s *sovereign) quiet(t *testing.T, env, source string, want bool) {
	t.Helper()
	eventually(t, 40*time.Second, func() error {
		if o := s.source(env, source); o == nil || o.GetQuiet() != want {
			return fmt.Errorf("%s is told to %s as %v", source, env, o)
		}
		return nil
	})
}

func live(o *spinev1.ObjectObserved) bool  { return !o.GetDeleted() }
func ended(o *spinev1.ObjectObserved) bool { return o.GetDeleted() }

func TestObserver(t *testing.T) {
	nats, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	must(t, err)
	nats.Start()
	t.Cleanup(nats.Shutdown)
	g := giteatest.Start(t)
	s := &sovereign{apiServer: startAPIServer(t), gitea: g, newest: map[string]spine.Event{}, repeats: map[string]int{}}
	g.Organization(t, "acme")
	s.git, err = forgegitea.New(forgegitea.Config{URL: g.URL, Token: g.AdminToken})
	must(t, err)
	s.spine, err = spine.Open(spine.Config{URL: nats.ClientURL(), Name: "test"}, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(s.spine.Close)
	must(t, s.spine.Sovereign().EnsureStream(t.Context()))
	s.listen(t)
	s.env = map[string]string{
		"CATALYST_LISTEN": fmt.Sprintf("127.0.0.1:%d", freePort(t)), "CATALYST_NATS_URL": nats.ClientURL(),
		"CATALYST_CLUSTERS":  "local=" + filepath.Join(s.dir, "kubeconfig") + ",far=" + filepath.Join(s.dir, "nowhere"),
		"CATALYST_GITEA_URL": g.URL, "CATALYST_GITEA_TOKEN": g.AdminToken, "CATALYST_WEBHOOK_SECRET": "s3cret",
	}
	s.start(t)
	defer func() { s.stop() }()
	for _, step := range []struct {
		name string
		test func(*sovereign, *testing.T)
	}{
		{"a cluster that is not there is an event", (*sovereign).saysWhatIsAway},
		{"the cluster comes", (*sovereign).findsTheCluster},
		{"what is told of an Environment", (*sovereign).tellsOfAnEnvironment},
		{"custom resources come and go", (*sovereign).followsDefinitions},
		{"a push is told and Flux asked", (*sovereign).tellsOfAPush},
		{"a restart tells what happened meanwhile", (*sovereign).survivesARestart},
		{"500 changes a second", (*sovereign).keepsUp},
		{"a stream that is deleted is told everything", (*sovereign).tellsEverythingAgain},
		{"whoever asks is told everything", (*sovereign).tellsWhoAsks},
		{"a cluster that hangs falls quiet", (*sovereign).noticesAHang},
		{"a forge that is away falls quiet", (*sovereign).noticesAForgeThatIsAway},
		{"no secret has left", (*sovereign).keptItsSecrets},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(s, t) }) {
			t.FailNow()
		}
	}
}

func (s *sovereign) saysWhatIsAway(t *testing.T) {
	eventually(t, 30*time.Second, func() error {
		o, ok := s.event(spine.Cluster("far")).Data.(*spinev1.ClusterObserved)
		if !ok || o.GetReachable() || o.GetMessage() == "" {
			return fmt.Errorf("the cluster is told as %v", o)
		}
		return nil
	})
	eventually(t, 30*time.Second, func() error {
		if h, ok := s.event(spine.HeartbeatOf("/observer/local")).Data.(*spinev1.Heartbeat); !ok || h.GetReachable() {
			return fmt.Errorf("the heartbeat of a cluster that is not there is %v", h)
		}
		return nil
	})
}

func (s *sovereign) findsTheCluster(t *testing.T) {
	writeFile(t, s.dir, "kubeconfig", s.kubeconfig("observer-token"))
	s.applyFiles(t, filepath.Join(root(t), "deploy/local/cluster/rbac.yaml"), filepath.Join(root(t), "deploy/crds/*.yaml"))
	for _, controller := range []string{"source", "kustomize", "helm"} {
		s.applyFiles(t, filepath.Join(moduleDir(t, "github.com/fluxcd/"+controller+"-controller"), "config/crd/bases/*.yaml"))
	}
	s.quiet(t, spine.System, "/observer/local", false)
	o, _ := s.event(spine.Cluster("local")).Data.(*spinev1.ClusterObserved)
	if !o.GetReachable() || !strings.HasPrefix(o.GetVersion(), "v1.") {
		t.Errorf("the cluster is told as %v", o)
	}
	s.quiet(t, spine.System, "/observer/forge", false)
	s.quiet(t, spine.System, "/observer/far", true)
	eventually(t, 10*time.Second, func() error {
		if h, ok := s.event(spine.HeartbeatOf("/observer/local")).Data.(*spinev1.Heartbeat); !ok || !h.GetReachable() {
			return fmt.Errorf("the heartbeat is %v", h)
		}
		return nil
	})
}

const environment = `
apiVersion: v1
kind: Namespace
metadata: {name: catalyst-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: acme-dev, labels: {catalyst.openova.io/organization: acme, catalyst.openova.io/environment: acme-dev}}
---
apiVersion: catalyst.openova.io/v1alpha1
kind: Organization
metadata: {namespace: catalyst-system, name: acme}
spec: {displayName: Acme}
---
apiVersion: catalyst.openova.io/v1alpha1
kind: Environment
metadata: {namespace: catalyst-system, name: acme-dev}
spec: {organization: acme, envType: dev, branch: develop}
`

const inside = `
apiVersion: v1
kind: Secret
metadata: {namespace: acme-dev, name: shop}
stringData: {password: CANARY}
---
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: acme-dev, name: shop, labels: {catalyst.openova.io/application: shop}, annotations: {kubectl.kubernetes.io/last-applied-configuration: CANARY}}
spec:
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: c, image: "shop:1", env: [{name: PASSWORD, value: CANARY}]}]}}
---
apiVersion: v1
kind: Pod
metadata: {namespace: acme-dev, name: shop-5d4f-x, labels: {catalyst.openova.io/application: shop}, annotations: {x: CANARY}}
spec: {containers: [{name: c, image: "shop:1", env: [{name: PASSWORD, value: CANARY}]}]}
---
apiVersion: v1
kind: Event
metadata: {namespace: acme-dev, name: shop.1}
involvedObject: {kind: Pod, namespace: acme-dev, name: shop-5d4f-x}
type: Warning
reason: BackOff
message: restarting
count: 4
---
apiVersion: v1
kind: Event
metadata: {namespace: acme-dev, name: shop.2}
involvedObject: {kind: Pod, namespace: acme-dev, name: shop-5d4f-x}
type: Normal
reason: Scheduled
message: CANARY
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: acme-dev, name: shop, annotations: {auth: CANARY}}
spec: {rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}}]}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {namespace: acme-dev, name: shop}
spec: {url: "http://git.example/acme/shop.git", interval: 10m}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {namespace: acme-dev, name: shop-blueprint}
spec: {interval: 10m, chartRef: {kind: OCIRepository, name: shop}, values: {password: CANARY}}
`

func (s *sovereign) tellsOfAnEnvironment(t *testing.T) {
	s.apply(t, environment)
	s.apply(t, strings.ReplaceAll(inside, "CANARY", canary))
	s.told(t, "k8s", "Deployment", "shop", func(o *spinev1.ObjectObserved) bool {
		return o.GetApplication() == "shop" && o.GetWorkload().GetDesired() == 1 && o.GetChangedAt().IsValid()
	})
	s.told(t, "k8s", "Pod", "shop-5d4f-x", func(o *spinev1.ObjectObserved) bool { return o.GetPod().GetPhase() == "Pending" })
	s.told(t, "k8s", "Ingress", "shop", func(o *spinev1.ObjectObserved) bool { return o.GetIngress().GetUrls()[0] == "http://shop.example" })
	s.told(t, "k8s", "Event", "Pod/shop-5d4f-x/BackOff", func(o *spinev1.ObjectObserved) bool {
		return o.GetApplication() == "shop" && o.GetWarning().GetCount() == 4
	})
	s.told(t, "flux", "HelmRelease", "shop-blueprint", func(o *spinev1.ObjectObserved) bool { return o.GetApplication() == "shop" })
	s.quiet(t, "acme-dev", "/observer/local", false)
	s.remove(t, "{apiVersion: v1, kind: Event, metadata: {namespace: acme-dev, name: shop.1}}")
	s.told(t, "k8s", "Event", "Pod/shop-5d4f-x/BackOff", ended)
	if o := s.object("k8s", "Event", "Pod/shop-5d4f-x/Scheduled"); o != nil {
		t.Errorf("told of an Event that warns of nothing: %v", o)
	}
}

const crossplaneKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: databases.db.example.org}
spec:
  group: db.example.org
  scope: Namespaced
  names: {kind: Database, plural: databases, categories: [claim]}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: crossplane-of-this-test}
rules: [{apiGroups: [db.example.org], resources: [databases], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: crossplane-of-this-test}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: crossplane-of-this-test}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "catalyst:observer"}]
`

// databases is how Databases are told from those of other groups.
const databases = "Database.db.example.org"

const claim = `
apiVersion: db.example.org/v1
kind: Database
metadata: {namespace: acme-dev, name: db, labels: {catalyst.openova.io/application: shop}}
spec: {password: CANARY}
status: {token: CANARY, conditions: [{type: Ready, status: "False", reason: Creating, message: soon, lastTransitionTime: "2026-01-01T00:00:00Z"}]}
`

func (s *sovereign) followsDefinitions(t *testing.T) {
	s.apply(t, crossplaneKind)
	s.apply(t, strings.ReplaceAll(claim, "CANARY", canary))
	s.told(t, "crossplane", databases, "db", func(o *spinev1.ObjectObserved) bool {
		return o.GetApplication() == "shop" && o.GetResource().GetReady() == "False" && o.GetResource().GetMessage() == "soon"
	})
	s.remove(t, "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: databases.db.example.org}}")
	s.told(t, "crossplane", databases, "db", ended)
	s.quiet(t, "acme-dev", "/observer/local", false)
}

func (s *sovereign) tellsOfAPush(t *testing.T) {
	repo := forge.Repo{Organization: "acme", Name: "shop"}
	must(t, s.git.CreateRepo(t.Context(), repo, "an Application"))
	s.gitea.Call(t, http.MethodPost, "/repos/acme/shop/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "pull_request", "status"},
		"config": map[string]string{"url": "http://" + s.env["CATALYST_LISTEN"] + "/webhooks/gitea", "content_type": "json", "secret": "s3cret"},
	}, nil)
	first := &forge.Draft{
		Change: forge.Change{Write: map[string][]byte{
			"application.yaml": []byte("spec: {blueprint: {name: bp-shop, version: 1.0.0}}\n"), "overlays/dev/kustomization.yaml": []byte("resources: []\n"),
		}},
		Author: forge.Person{Name: "Ada", Email: "ada@acme.example"}, Message: "first", At: time.Now(),
	}
	heads, err := s.git.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Draft: first}, {Branch: "main", Draft: first}})
	must(t, err)
	head := func() *spinev1.BranchObserved {
		o, _ := s.event(spine.Branch("acme-dev", "shop")).Data.(*spinev1.BranchObserved)
		return o
	}
	took := eventually(t, 20*time.Second, func() error {
		if o := head(); o.GetHead().GetSha() != heads["develop"] || !o.GetPresent() || len(o.GetRecent()) != 1 {
			return fmt.Errorf("the branch is told as %v", o)
		}
		return nil
	})
	t.Logf("told %s after the first push", took)
	heads, err = s.git.Push(t.Context(), repo, []forge.RefUpdate{{Branch: "develop", Expect: heads["develop"], Draft: &forge.Draft{
		Parent: heads["develop"], Change: forge.Change{Write: map[string][]byte{"values.yaml": []byte("a: 1\n")}},
		Author: forge.Person{Name: "Ada", Email: "ada@acme.example"}, Message: "second", At: time.Now(),
	}}})
	must(t, err)
	took = eventually(t, 20*time.Second, func() error {
		if o := head(); o.GetHead().GetSha() != heads["develop"] || len(o.GetRecent()) != 2 {
			return fmt.Errorf("the branch is told as %v", o)
		}
		return nil
	})
	t.Logf("told %s after the next push", took)
	sources := s.admin.Resource(schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "gitrepositories"}).Namespace("acme-dev")
	eventually(t, 20*time.Second, func() error {
		g, err := sources.Get(t.Context(), "shop", metav1.GetOptions{})
		if err == nil && g.GetAnnotations()["reconcile.fluxcd.io/requestedAt"] == "" {
			err = errors.New("Flux was not asked")
		}
		return err
	})
	s.gitea.Call(t, http.MethodPatch, "/repos/acme/shop", map[string]any{"default_branch": "main"}, nil)
	s.gitea.Call(t, http.MethodDelete, "/repos/acme/shop/branches/develop", nil, nil)
	eventually(t, 70*time.Second, func() error {
		if o := head(); o.GetHead() != nil || o.GetPresent() {
			return fmt.Errorf("the branch is told as %v", o)
		}
		return nil
	})
}

func (s *sovereign) survivesARestart(t *testing.T) {
	s.apply(t, "{apiVersion: v1, kind: Service, metadata: {namespace: acme-dev, name: goes}, spec: {ports: [{port: 80}]}}")
	s.apply(t, "{apiVersion: v1, kind: Service, metadata: {namespace: acme-dev, name: stays}, spec: {ports: [{port: 80}]}}")
	s.told(t, "k8s", "Service", "goes", live)
	s.told(t, "k8s", "Service", "stays", live)
	s.stop()
	s.remove(t, "{apiVersion: v1, kind: Service, metadata: {namespace: acme-dev, name: goes}}")
	s.start(t)
	s.told(t, "k8s", "Service", "goes", ended)
	if o := s.object("k8s", "Service", "stays"); o.GetDeleted() {
		t.Error("what stays is told as gone")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.repeats {
		if n > 1 {
			t.Errorf("%s stands %d times in the stream", id, n)
		}
	}
}

func (s *sovereign) keepsUp(t *testing.T) {
	const things, changes = 50, 2500
	for i := range things {
		s.apply(t, fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {namespace: acme-dev, name: s%d}, spec: {ports: [{port: 80}]}}", i))
	}
	services := s.admin.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("acme-dev")
	versions, mu := map[string]string{}, sync.Mutex{}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	var writers sync.WaitGroup
	for w := range 10 { // each writes objects of its own
		writers.Go(func() {
			for i := w; i < changes; i += 10 {
				<-tick.C
				name := fmt.Sprint("s", i%things)
				u, err := services.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"ports":[{"port":%d}]}}`, 81+i), metav1.PatchOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				versions[name] = u.GetResourceVersion()
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	t.Logf("%.0f changes a second", changes/time.Since(began).Seconds())
	for name, version := range versions {
		s.told(t, "k8s", "Service", name, func(o *spinev1.ObjectObserved) bool { return o.GetResourceVersion() == version })
	}
}

func (s *sovereign) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = map[string]spine.Event{}
}

// everything waits until what the cluster holds and held is told.
func (s *sovereign) everything(t *testing.T) {
	t.Helper()
	s.told(t, "k8s", "Deployment", "shop", live)
	s.told(t, "k8s", "Service", "stays", live)
	s.told(t, "k8s", "Service", "goes", ended)
	s.told(t, "flux", "HelmRelease", "shop-blueprint", live)
	s.quiet(t, "acme-dev", "/observer/local", false)
	s.quiet(t, spine.System, "/observer/far", true)
	eventually(t, 20*time.Second, func() error {
		if s.event(spine.Branch("acme-dev", "shop")).Data == nil || s.event(spine.Cluster("local")).Data == nil ||
			s.event(spine.Object(spine.System, "k8s", "Environment", "catalyst-system", "acme-dev")).Data == nil {
			return errors.New("the branch, the cluster or the Environment is missing")
		}
		return nil
	})
}

func (s *sovereign) tellsEverythingAgain(t *testing.T) {
	js := s.spine.Sovereign().JetStream()
	s.forget()
	must(t, js.DeleteStream(t.Context(), spine.Stream))
	s.everything(t)
}

func (s *sovereign) tellsWhoAsks(t *testing.T) {
	m, err := s.spine.Sovereign().JetStream().Conn().Request("observer.tell", nil, 20*time.Second)
	must(t, err)
	if len(m.Data) > 0 {
		t.Errorf("not all could be told: %s", m.Data)
	}
	s.everything(t)
}

func (s *sovereign) noticesAHang(t *testing.T) {
	must(t, s.process.Signal(syscall.SIGSTOP))
	resume := sync.OnceFunc(func() { must(t, s.process.Signal(syscall.SIGCONT)) })
	defer resume()
	began := time.Now()
	s.quiet(t, "acme-dev", "/observer/local", true)
	t.Logf("quiet after %s: %s", time.Since(began), s.source("acme-dev", "/observer/local").GetMessage())
	if o := s.source("acme-dev", "/observer/forge"); o.GetQuiet() {
		t.Errorf("the forge is quiet too: %v", o)
	}
	resume()
	s.quiet(t, "acme-dev", "/observer/local", false)
	s.apply(t, "{apiVersion: v1, kind: Service, metadata: {namespace: acme-dev, name: after}, spec: {ports: [{port: 80}]}}")
	s.told(t, "k8s", "Service", "after", live)
}

func (s *sovereign) noticesAForgeThatIsAway(t *testing.T) {
	s.gitea.Stop(t)
	s.quiet(t, "acme-dev", "/observer/forge", true)
	t.Logf("%s", s.source("acme-dev", "/observer/forge").GetMessage())
	s.gitea.Restart(t)
	s.quiet(t, "acme-dev", "/observer/forge", false)
}

func (s *sovereign) keptItsSecrets(t *testing.T) {
	s.mu.Lock()
	if i := bytes.Index(s.all.Bytes(), []byte(canary)); i >= 0 {
		t.Errorf("the canary is on the spine: %q", s.all.Bytes()[max(0, i-200):i+20])
	}
	t.Logf("%d bytes of events hold no canary", s.all.Len())
	s.mu.Unlock()
	js := s.spine.Sovereign().JetStream()
	for _, bucket := range []string{"observer-local", "observer-forge"} {
		kv, err := js.KeyValue(t.Context(), bucket)
		must(t, err)
		w, err := kv.WatchAll(t.Context())
		must(t, err)
		n := 0
		for e := range w.Updates() {
			if e == nil {
				break
			}
			n++
			if strings.Contains(e.Key()+string(e.Value()), canary) {
				t.Errorf("the canary is in bucket %s at %s", bucket, e.Key())
			}
		}
		t.Logf("%d entries in %s", n, bucket)
		must(t, w.Stop())
	}
}
