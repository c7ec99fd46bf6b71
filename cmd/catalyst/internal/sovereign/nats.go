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

// known are the calls of whoever wants to know whether the stream of events is there, and makes it if it is not.
var known = []string{"$JS.API.INFO", "$JS.API.STREAM.INFO.SPINE", "$JS.API.STREAM.CREATE.SPINE", "$JS.API.STREAM.UPDATE.SPINE"}

// consume are the calls of a reader of a stream.
func consume(stream string) []string {
	return []string{
		"$JS.API.STREAM.INFO." + stream, "$JS.API.CONSUMER.CREATE." + stream + ".>", "$JS.API.CONSUMER.DURABLE.CREATE." + stream + ".>",
		"$JS.API.CONSUMER.CREATE." + stream, "$JS.API.CONSUMER.INFO." + stream + ".>", "$JS.API.CONSUMER.DELETE." + stream + ".>",
		"$JS.API.CONSUMER.MSG.NEXT." + stream + ".>", "$JS.API.STREAM.MSG.GET." + stream, "$JS.API.DIRECT.GET." + stream, "$JS.API.DIRECT.GET." + stream + ".>",
		"$JS.ACK." + stream + ".>", "$JS.FC.>",
	}
}

// keep are the calls of who makes a stream or bucket of its own and reads it.
func keep(stream string) []string {
	return join(consume(stream), []string{"$JS.API.STREAM.CREATE." + stream, "$JS.API.STREAM.UPDATE." + stream})
}

// bucket are the calls of who keeps a bucket of its own.
func bucket(name string) []string { return join(keep("KV_"+name), []string{"$KV." + name + ".>"}) }

// readAll are the calls of a reader of every bucket. NATS has no wildcard inside a token, so that the views of the
// Environments, which come and go, cannot be named by their prefix.
var readAll = join(consume("*"), []string{"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"})

var natsUsers = []natsUser{
	{name: "gateway", publish: join(known, readAll, bucket("sessions"))},
	{name: "catalog", publish: known},
	{name: "provisioning", publish: join(known, bucket("operations"), keep("OPERATIONS"), keep("KV_ws-system-state"), []string{"operations.run.*", "ws.*.op.>"})},
	// The projector makes a bucket of facts and one of views for each Environment.
	{name: "projector", publish: join(known, readAll, []string{"$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*", "$KV.>"})},
	{name: "observer", publish: join(known, consume("SPINE"), bucket("observer-local"), []string{"ws.>"})},
	{name: "environment-controller", publish: join(known, consume("SPINE"))},
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
