package sovereign

import (
	"fmt"
	"strconv"
	"strings"
)

// natsUser is a user of the spine with what it may publish to; everybody may read its own answers, nobody anything
// that is not listed.
type natsUser struct {
	name      string
	publish   []string
	subscribe []string
}

// stream are the calls that make sure the stream of events is there.
var stream = []string{"$JS.API.INFO", "$JS.API.STREAM.INFO.SPINE", "$JS.API.STREAM.CREATE.SPINE", "$JS.API.STREAM.UPDATE.SPINE"}

// consumeSpine are the calls of a reader of events.
var consumeSpine = []string{
	"$JS.API.CONSUMER.CREATE.SPINE.>", "$JS.API.CONSUMER.DURABLE.CREATE.SPINE.>", "$JS.API.CONSUMER.INFO.SPINE.>",
	"$JS.API.CONSUMER.DELETE.SPINE.>", "$JS.API.CONSUMER.MSG.NEXT.SPINE.>", "$JS.ACK.SPINE.>", "$JS.FC.>",
}

// readViews are the calls of a reader of buckets. NATS has no wildcard inside a token, so a bucket cannot be named by
// a prefix: a reader may read every bucket.
var readViews = []string{
	"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.MSG.GET.*",
	"$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.INFO.>", "$JS.API.CONSUMER.DELETE.>",
	"$JS.API.CONSUMER.MSG.NEXT.>", "$JS.ACK.>", "$JS.FC.>",
}

// ownStreams are the calls of who makes a bucket or work queue of its own.
var ownStreams = []string{"$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*"}

var natsUsers = []natsUser{
	{name: "gateway", publish: join(stream, consumeSpine, readViews, ownStreams, []string{"$KV.sessions.>", "$KV.catalyst-sessions.>"})},
	{name: "catalog", publish: join(stream, readViews)},
	{name: "provisioning", publish: join(stream, consumeSpine, readViews, ownStreams, []string{
		"ws.*.op.>", "ops.>", "operations.>", "$KV.operations.>", "$KV.provisioning.>", "$KV.idempotency.>"})},
	{name: "projector", publish: join(stream, consumeSpine, readViews, ownStreams, []string{"$KV.>", "$JS.API.STREAM.DELETE.*", "$JS.API.STREAM.PURGE.*"})},
	{name: "observer", publish: join(stream, consumeSpine, readViews, []string{"ws.>"})},
	{name: "environment-controller", publish: join(stream, consumeSpine, readViews, []string{"ws.>"})},
}

func join(lists ...[]string) []string {
	var out []string
	seen := map[string]bool{}
	for _, l := range lists {
		for _, v := range l {
			if !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// NATSConfigFile is where nats-server reads its configuration.
func (s Settings) NATSConfigFile() string { return s.File("nats", "nats.conf") }

// NATSConfig renders the configuration: file storage synced every second, and a user for each service.
func NATSConfig(s Settings, sec *Secrets) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server_name: catalyst
host: 127.0.0.1
port: %d
http: %q
max_payload: 1MB
write_deadline: "5s"
jetstream {
  store_dir: %s
  max_memory_store: 64MB
  max_file_store: 8GB
  sync_interval: "1s"
}
authorization {
  users: [
`, portNATS+s.PortOffset, s.addr(portNATSMonitor), strconv.Quote(s.File("nats", "data")))
	for _, u := range natsUsers {
		fmt.Fprintf(&b, "    {user: %q, password: %q, permissions: {\n      publish: {allow: %s}\n      subscribe: {allow: %s}\n    }}\n",
			u.name, sec.NATS[u.name], list(u.publish), list(append([]string{"_INBOX.>"}, u.subscribe...)))
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

func list(v []string) string {
	q := make([]string, len(v))
	for i, s := range v {
		q[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}
