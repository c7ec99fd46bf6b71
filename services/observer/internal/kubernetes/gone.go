package kubernetes

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/client-go/tools/cache"

	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// remember works off what is to be kept across a restart, beside the watching.
func (w *Watcher) remember(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case task := <-w.tasks:
			task(ctx)
		}
	}
}

// note keeps an object when it is first told of or moved, and forgets it when its end was told.
func (w *Watcher) note(ctx context.Context, o *spinev1.ObjectObserved) {
	if err := spine.Retry(ctx, w.log, "the observer's memory", func(ctx context.Context) error {
		if o.GetDeleted() {
			return w.memory.Forget(ctx, o.GetObject())
		}
		return w.memory.Remember(ctx, o)
	}); err != nil && ctx.Err() == nil {
		w.log.Error("observer: cannot remember an object", "object", o.GetObject().GetName(), "error", err)
	}
}

// tellOfTheGone tells of what was deleted while nobody watched: what is remembered and not in a complete listing.
func (w *Watcher) tellOfTheGone(ctx context.Context) {
	var known []*spinev1.ObjectObserved
	if err := spine.Retry(ctx, w.log, "the observer's memory", func(ctx context.Context) (err error) {
		known, err = w.memory.Known(ctx)
		return err
	}); err != nil {
		return
	}
	type listing struct {
		class string
		inf   cache.SharedIndexInformer
	}
	byKind := map[string]listing{}
	w.mu.Lock()
	for k, inf := range w.informers {
		byKind[strings.ToLower(k.Resource)] = listing{k.class, inf}
	}
	w.mu.Unlock()
	for _, o := range known {
		l, ok := byKind[plural(o.GetObject().GetKind())]
		if !ok {
			continue
		}
		key := o.GetObject().GetName()
		if ns := o.GetObject().GetNamespace(); ns != "" {
			key = ns + "/" + key
		}
		if _, there, err := l.inf.GetIndexer().GetByKey(key); err != nil || there {
			continue
		}
		o.Deleted, o.ObservedAt, o.ResourceVersion = true, timestamppb.New(time.Now()), l.inf.LastSyncResourceVersion()
		w.publish(l.class, o)
	}
}

// plural is the resource of a watched kind.
func plural(kind string) string {
	k := strings.ToLower(kind)
	if strings.HasSuffix(k, "y") {
		return strings.TrimSuffix(k, "y") + "ies"
	}
	return k + "s"
}
