package projection

import (
	"encoding/json"
	"strconv"
	"time"

	"catalyst.openova.io/pkg/view"
)

// appendApplication appends the JSON of a card, byte for byte what encoding/json makes of it (a test holds that), in a
// fraction of its time: cards are most of what a projector writes.
func appendApplication(b []byte, a *view.Application) []byte {
	b = appendHeader(append(b, '{'), &a.Header)
	b = field(b, `,"blueprint":{"name":`, a.Blueprint.Name)
	b = field(b, `,"version":`, a.Blueprint.Version)
	b = field(b, `},"phase":`, string(a.Phase))
	b = field(b, `,"message":`, a.Message)
	if a.Desired != nil {
		b = appendCommit(append(b, `,"desired":`...), *a.Desired)
	}
	if a.Applied != nil {
		b = appendCommit(append(b, `,"applied":`...), *a.Applied)
	}
	b = array(append(b, `,"workloads":`...), a.Workloads, appendWorkload)
	b = array(append(b, `,"endpoints":`...), a.Endpoints, func(b []byte, e view.Endpoint) []byte {
		return append(field(field(b, `{"name":`, e.Name), `,"url":`, e.URL), '}')
	})
	b = array(append(b, `,"parts":`...), a.Conditions, appendPart)
	b = array(append(b, `,"pods":`...), a.Pods, appendPod)
	b = array(append(b, `,"warnings":`...), a.Warnings, appendWarning)
	b = array(append(b, `,"dependsOn":`...), a.DependsOn, func(b []byte, d view.Dependency) []byte {
		b = append(b, '{')
		if d.Alias != "" {
			b = append(field(b, `"alias":`, d.Alias), ',')
		}
		return append(optional(field(b, `"application":`, d.Application), `,"phase":`, string(d.Phase)), '}')
	})
	b = array(append(b, `,"usedBy":`...), a.UsedBy, text)
	b = array(append(b, `,"changes":`...), a.Changes, appendCommit)
	b = array(append(b, `,"problems":`...), a.Problems, appendProblem)
	b = field(b, `,"repository":`, a.Repository)
	b = field(b, `,"branch":`, a.Branch)
	return append(moment(b, `,"since":`, a.Since), '}')
}

func appendHeader(b []byte, h *view.Header) []byte {
	b = field(b, `"kind":`, string(h.Kind))
	b = optional(b, `,"organization":`, h.Organization)
	b = optional(b, `,"environment":`, h.Environment)
	b = moment(field(b, `,"name":`, h.Name), `,"changedAt":`, h.ChangedAt)
	if !h.UnknownSince.IsZero() {
		b = moment(b, `,"unknownSince":`, h.UnknownSince)
	}
	return b
}

func appendCommit(b []byte, c view.Commit) []byte {
	b = field(b, `{"sha":`, c.SHA)
	b = optional(b, `,"author":`, c.Author)
	b = optional(b, `,"email":`, c.Email)
	b = optional(b, `,"message":`, c.Message)
	if !c.At.IsZero() {
		b = moment(b, `,"at":`, c.At)
	}
	return append(b, '}')
}

func appendWorkload(b []byte, w view.Workload) []byte {
	b = field(field(b, `{"kind":`, w.Kind), `,"name":`, w.Name)
	b = number(number(b, `,"desired":`, w.Desired), `,"ready":`, w.Ready)
	b = array(append(b, `,"images":`...), w.Images, text)
	b = optional(field(b, `,"health":`, w.Health), `,"message":`, w.Message)
	return append(moment(b, `,"changedAt":`, w.ChangedAt), '}')
}

func appendPart(b []byte, p view.Part) []byte {
	b = field(field(b, `{"kind":`, p.Kind), `,"name":`, p.Name)
	b = optional(field(b, `,"health":`, p.Health), `,"message":`, p.Message)
	return append(moment(optional(b, `,"revision":`, p.Revision), `,"changedAt":`, p.ChangedAt), '}')
}

func appendPod(b []byte, p view.Pod) []byte {
	b = optional(field(b, `{"name":`, p.Name), `,"workload":`, p.Workload)
	b = strconv.AppendBool(append(field(b, `,"phase":`, p.Phase), `,"ready":`...), p.Ready)
	b = optional(number(b, `,"restarts":`, p.Restarts), `,"reason":`, p.Reason)
	return append(optional(b, `,"message":`, p.Message), '}')
}

func appendWarning(b []byte, w view.Warning) []byte {
	b = field(field(b, `{"about":`, w.About), `,"reason":`, w.Reason)
	b = number(field(b, `,"message":`, w.Message), `,"count":`, w.Count)
	return append(moment(b, `,"at":`, w.At), '}')
}

func appendProblem(b []byte, p view.FileProblem) []byte {
	b = field(field(field(b, `{"code":`, p.Code), `,"severity":`, p.Severity), `,"file":`, p.File)
	if p.Line != 0 {
		b = number(b, `,"line":`, p.Line)
	}
	b = optional(b, `,"pointer":`, p.Pointer)
	return append(field(field(b, `,"message":`, p.Message), `,"commit":`, p.Commit), '}')
}

func array[V any](b []byte, values []V, each func([]byte, V) []byte) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(b, v)
	}
	return append(b, ']')
}

func field(b []byte, name, value string) []byte { return text(append(b, name...), value) }

func optional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return field(b, name, value)
}

func number(b []byte, name string, value int32) []byte {
	return strconv.AppendInt(append(b, name...), int64(value), 10)
}

func moment(b []byte, name string, at time.Time) []byte {
	b = append(append(b, name...), '"')
	return append(at.AppendFormat(b, time.RFC3339Nano), '"')
}

// text leaves to encoding/json what is not plain.
func text(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // a string can always be told
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
