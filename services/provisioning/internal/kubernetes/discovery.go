package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"catalyst.openova.io/services/provisioning/internal/manifest"
)

// fresh is how long what a cluster serves is believed.
const fresh = time.Minute

// maxAnswer bounds one answer of discovery.
const maxAnswer = 4 << 20

// discovery knows what a cluster serves. client-go has one too, which brings every type of Kubernetes into memory.
type discovery struct {
	mu     sync.Mutex
	served map[string]served
}

// served is what one path of the API said.
type served struct {
	kinds []metav1.APIResource
	able  manifest.Capabilities
	until time.Time
}

// plainVersion is what can be part of a path without leading elsewhere.
var plainVersion = regexp.MustCompile(`^([a-z0-9-]+(\.[a-z0-9-]+)*/)?[a-z0-9]+$`)

// unknownKindError says that a cluster does not have a kind.
type unknownKindError struct{ apiVersion, kind string }

func (e *unknownKindError) Error() string {
	return fmt.Sprintf("the cluster does not know the kind %s of %s: install what defines it first", e.kind, e.apiVersion)
}

// servedKind is how to get at objects of a kind.
type servedKind struct {
	resource   schema.GroupVersionResource
	namespaced bool
}

func (k servedKind) in(client dynamic.Interface, namespace, otherwise string) dynamic.ResourceInterface {
	if !k.namespaced {
		return client.Resource(k.resource)
	}
	if namespace == "" {
		namespace = otherwise
	}
	return client.Resource(k.resource).Namespace(namespace)
}

func (d *discovery) kind(ctx context.Context, config *rest.Config, apiVersion, kind string) (servedKind, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil || !plainVersion.MatchString(apiVersion) {
		return servedKind{}, &unknownKindError{apiVersion, kind}
	}
	path := "/apis/" + apiVersion
	if gv.Group == "" {
		path = "/api/" + apiVersion
	}
	s, err := d.remember(path, func() (s served, err error) {
		var list metav1.APIResourceList
		found, err := get(ctx, config, path, &list)
		if err == nil && !found {
			err = &unknownKindError{apiVersion, kind}
		}
		return served{kinds: list.APIResources}, err
	})
	if err != nil {
		return servedKind{}, err
	}
	for _, r := range s.kinds {
		if r.Kind == kind && !strings.Contains(r.Name, "/") {
			return servedKind{gv.WithResource(r.Name), r.Namespaced}, nil
		}
	}
	return servedKind{}, &unknownKindError{apiVersion, kind}
}

// capabilities are what a chart is told: the version, and every API that is served.
func (d *discovery) capabilities(ctx context.Context, config *rest.Config) (manifest.Capabilities, error) {
	s, err := d.remember("/version", func() (s served, err error) {
		var version struct{ GitVersion string }
		if _, err := get(ctx, config, "/version", &version); err != nil {
			return s, err
		}
		s.able.Version = version.GitVersion
		for _, path := range []string{"/api", "/apis"} {
			apis, err := aggregated(ctx, config, path)
			if err != nil {
				return s, err
			}
			s.able.APIs = append(s.able.APIs, apis...)
		}
		return s, nil
	})
	return s.able, err
}

// aggregated lists what one path serves, as Helm writes it: group/version and group/version/kind.
func aggregated(ctx context.Context, config *rest.Config, path string) ([]string, error) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version   string
				Resources []struct {
					ResponseKind struct{ Kind string }
				}
			}
		}
	}
	if _, err := get(ctx, config, path, &list); err != nil {
		return nil, err
	}
	var out []string
	for _, group := range list.Items {
		for _, v := range group.Versions {
			gv := schema.GroupVersion{Group: group.Metadata.Name, Version: v.Version}.String()
			out = append(out, gv)
			for _, r := range v.Resources {
				out = append(out, gv+"/"+r.ResponseKind.Kind)
			}
		}
	}
	return out, nil
}

func (d *discovery) remember(path string, ask func() (served, error)) (served, error) {
	d.mu.Lock()
	s, ok := d.served[path]
	d.mu.Unlock()
	if ok && time.Now().Before(s.until) {
		return s, nil
	}
	s, err := ask()
	if err != nil {
		return served{}, err
	}
	s.until = time.Now().Add(fresh)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.served == nil {
		d.served = map[string]served{}
	}
	d.served[path] = s
	return s, nil
}

// get reads one path of the API; found is false where the server has none.
func get(ctx context.Context, config *rest.Config, path string, into any) (found bool, err error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return false, err
	}
	host, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host.JoinPath(path).String(), http.NoBody)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json")
	res, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close() //nolint:errcheck // all was read
	switch {
	case res.StatusCode == http.StatusNotFound:
		return false, nil
	case res.StatusCode != http.StatusOK:
		return false, fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return true, json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into)
}
