package access

import (
	"slices"

	"github.com/nats-io/jwt/v2"

	"catalyst.openova.io/pkg/spine"
)

// Right is what a service may do in an account, beyond reading its own answers. What is not listed is refused.
type Right struct {
	Publish   []string
	Subscribe []string
	// Answers says that it may answer what it was asked.
	Answers bool
}

func (r Right) permissions(service string) jwt.Permissions {
	p := jwt.Permissions{
		Pub: jwt.Permission{Allow: slices.Compact(slices.Sorted(slices.Values(r.Publish)))},
		Sub: jwt.Permission{Allow: append(jwt.StringList{spine.Inbox(service) + ".>"}, r.Subscribe...)},
	}
	if len(r.Publish) == 0 {
		p.Pub.Deny = jwt.StringList{">"} // an empty list would allow everything
	}
	if r.Answers {
		p.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: answerWithin}
	}
	return p
}

const events = spine.Stream

// look are the calls of who wants to know whether the server and the stream of events are there.
var look = []string{"$JS.API.INFO", "$JS.API.STREAM.INFO." + events}

// begin is the call of who makes the stream of events if it is not there. Only the environment-controller may change it.
var begin = "$JS.API.STREAM.CREATE." + events

// list is how the names of the streams are found.
const list = "$JS.API.STREAM.NAMES"

// read are the calls of a reader of a stream.
func read(stream string) []string {
	return []string{
		"$JS.API.STREAM.INFO." + stream, "$JS.API.STREAM.MSG.GET." + stream,
		"$JS.API.DIRECT.GET." + stream, "$JS.API.DIRECT.GET." + stream + ".>",
		"$JS.API.CONSUMER.CREATE." + stream, "$JS.API.CONSUMER.CREATE." + stream + ".>",
		"$JS.API.CONSUMER.INFO." + stream + ".>", "$JS.API.CONSUMER.DELETE." + stream + ".>", "$JS.API.CONSUMER.MSG.NEXT." + stream + ".>",
		// Servers name the place of an acknowledgement in one of two forms.
		"$JS.ACK." + stream + ".>", "$JS.ACK.*.*." + stream + ".>", "$JS.FC." + stream + ".>", "$JS.FC.*.*." + stream + ".>",
	}
}

// keep are the calls of who makes a stream of its own, and reads it.
func keep(stream string) []string {
	return append(read(stream), "$JS.API.STREAM.CREATE."+stream, "$JS.API.STREAM.UPDATE."+stream)
}

// readBucket and keepBucket are the same for a bucket; who keeps one writes it too.
func readBucket(name string) []string { return read("KV_" + name) }
func keepBucket(name string) []string { return append(keep("KV_"+name), "$KV."+name+".>") }

// forget is the call of who removes from its own bucket what deleted keys have left.
func forget(bucket string) string { return "$JS.API.STREAM.PURGE.KV_" + bucket }

// What lies in the Sovereign's own account under a name that others know.
var (
	views = spine.Bucket(spine.System)
	facts = spine.Facts(spine.System)
)

// Sovereign is what each service may do in the Sovereign's own account. The observer keeps a bucket for each source.
func Sovereign(sources ...string) map[string]Right {
	var told []string
	for _, s := range sources {
		told = append(told, keepBucket("observer-"+s)...)
	}
	return map[string]Right{
		"gateway": {Publish: slices.Concat(look, []string{list}, readBucket(views), readBucket(spine.AccountsBucket), keepBucket("sessions"))},
		// What it was asked to do lies in the account of this name on the server of intents.
		"provisioning": {Publish: slices.Concat(look, readBucket(spine.AccountsBucket), readBucket(views),
			keepBucket("operations"), keepBucket("install-plans"), keep("OPERATIONS"), []string{"operations.run.*"}),
			Subscribe: []string{spine.TellProvisioning}, Answers: true},
		"projector": {Publish: slices.Concat(look, []string{begin, list, spine.TellObserver, spine.TellProvisioning, "ws.system.>", forget(facts)}, read(events), readBucket(spine.AccountsBucket),
			keepBucket(views), keepBucket(facts), keepBucket("projector-leases"))},
		"observer": {Publish: slices.Concat(look, []string{begin, "ws.system.>"}, readBucket(spine.AccountsBucket), told),
			Subscribe: []string{spine.TellObserver}, Answers: true},
		"environment-controller": {Publish: slices.Concat(look, []string{begin, "$JS.API.STREAM.UPDATE." + events}, keepBucket(spine.AccountsBucket))},
	}
}

// Buckets are those of an Environment.
type Buckets struct{ Views, Facts string }

// Organization is what each service may do in the account of an Organization, which has these buckets.
func Organization(environments []Buckets) map[string]Right {
	var reads, keeps []string
	for _, b := range environments {
		reads = append(reads, readBucket(b.Views)...)
		keeps = append(keeps, keepBucket(b.Views)...)
		keeps = append(keeps, keepBucket(b.Facts)...)
		keeps = append(keeps, forget(b.Facts))
	}
	return map[string]Right{
		"gateway":   {Publish: slices.Concat(look, []string{list}, reads)},
		"projector": {Publish: slices.Concat(look, []string{begin, list, "ws.*.source.*"}, read(events), keeps)},
		"observer":  {Publish: slices.Concat(look, []string{begin, "ws.>"})},
		// It reads what is said of branches, to check them, and the views, to know on what a plan can build.
		"provisioning":           {Publish: slices.Concat(look, []string{begin, "ws.*.op.*", "ws.*.check.*"}, read(events), reads)},
		"environment-controller": {Publish: slices.Concat(look, []string{begin, "$JS.API.STREAM.UPDATE." + events}, read(events))},
	}
}

// System is what the environment-controller may do in the system's account: tell the server of accounts.
func System() map[string]Right {
	return map[string]Right{"environment-controller": {Publish: []string{ClaimsUpdate, ClaimsLookup("*")}}}
}

// ClaimsUpdate is where a server takes the JWT of an account.
const ClaimsUpdate = "$SYS.REQ.CLAIMS.UPDATE"

// ClaimsLookup is where a server is asked for the JWT of an account.
func ClaimsLookup(account string) string { return "$SYS.REQ.ACCOUNT." + account + ".CLAIMS.LOOKUP" }
