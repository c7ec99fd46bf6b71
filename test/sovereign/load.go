package sovereign

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"catalyst.openova.io/pkg/view"
)

// Load changes Services in the cluster, each of which looks like a part of an Application of its own. Every change has a
// number, which it writes into the port: so it can be known again in whatever carries it.
type Load struct {
	prefix   string
	apps     int
	services dynamic.ResourceInterface

	mu    sync.Mutex
	n     int
	at    map[int]time.Time
	last  map[string]int
	took  time.Duration
	count int
}

const (
	firstPort = 1024
	ports     = 60000
)

// NewLoad makes the Services, and takes them away at the end of the test.
func NewLoad(t testing.TB, c dynamic.Interface, env, prefix string, apps int) *Load {
	t.Helper()
	l := &Load{prefix: prefix, apps: apps, services: c.Resource(Services).Namespace(env), at: map[int]time.Time{}, last: map[string]int{}}
	for i := range apps {
		name := l.name(i)
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Service",
			"metadata": map[string]any{"name": name, "labels": map[string]any{"catalyst.openova.io/application": name}},
			"spec":     map[string]any{"ports": []any{map[string]any{"name": "http", "port": int64(80)}}},
		}}
		if _, err := l.services.Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.services.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	return l
}

func (l *Load) name(i int) string { return l.prefix + strconv.Itoa(i%l.apps) }

// Change writes the i-th object.
func (l *Load) Change(ctx context.Context, i int) error {
	name := l.name(i)
	l.mu.Lock()
	l.n++
	n := l.n
	l.at[n], l.last[name] = time.Now(), n
	l.mu.Unlock()
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/ports/0/port","value":%d}]`, firstPort+n%ports)
	_, err := l.services.Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// Run makes so many changes a second for a time, and returns the first error.
func (l *Load) Run(ctx context.Context, rate int, d time.Duration) error {
	start := time.Now()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var flying sync.WaitGroup
	failed := make(chan error, 1)
	// One object is written by one goroutine, so that its changes keep their order.
	lanes := make([]chan int, 16)
	for i := range lanes {
		lanes[i] = make(chan int, 1024)
		flying.Go(func() {
			for n := range lanes[i] {
				if err := l.Change(ctx, n); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	count := 0
	for time.Since(start) < d && ctx.Err() == nil {
		<-tick.C
		lanes[count%l.apps%len(lanes)] <- count
		count++
	}
	for _, lane := range lanes {
		close(lane)
	}
	flying.Wait()
	l.mu.Lock()
	l.took, l.count = l.took+time.Since(start), l.count+count
	l.mu.Unlock()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// Rate is how many changes a second Run has made.
func (l *Load) Rate() float64 { return float64(l.count) / l.took.Seconds() }

// Last is the number of the last change of each object.
func (l *Load) Last() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]int, len(l.last))
	for name, n := range l.last {
		out[name] = n
	}
	return out
}

// Find tells which change wrote a port of an object, and when it was made; 0 for none.
func (l *Load) Find(name string, port int) (n int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n = l.last[name]; n > 0 && firstPort+n%ports != port; n-- {
	}
	return n, l.at[n]
}

// Mine tells whether a frame is about one of the load's Applications.
func (l *Load) Mine(f Frame) bool {
	return f.Kind == view.KindApplication && strings.Contains(f.Key, "/"+l.prefix)
}

// Port reads the port out of a card; 0 if it shows none.
func Port(a view.Application) int {
	if len(a.Endpoints) == 0 {
		return 0
	}
	url := a.Endpoints[0].URL
	port, err := strconv.Atoi(url[strings.LastIndexByte(url, ':')+1:])
	if err != nil {
		return 0
	}
	return port
}
