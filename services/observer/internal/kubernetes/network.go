package kubernetes

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// maxURLs is how many addresses of one object are told.
const maxURLs = 50

// ingress lists the addresses at which an Ingress answers.
func ingress(u *unstructured.Unstructured) []string {
	secure := map[string]bool{}
	for _, t := range lists(u, "spec", "tls") {
		for _, host := range texts(t["hosts"]) {
			secure[host] = true
		}
	}
	var urls []string
	for _, r := range lists(u, "spec", "rules") {
		hosts := []string{text(r["host"])}
		if hosts[0] == "" {
			hosts = balancers(u)
		}
		var paths []string
		for _, p := range list(r, "http", "paths") {
			paths = append(paths, text(p["path"]))
		}
		for _, host := range hosts {
			scheme := "http://"
			if secure[host] || len(lists(u, "spec", "tls")) > 0 && len(secure) == 0 {
				scheme = "https://"
			}
			urls = append(urls, join(scheme+host, paths)...)
		}
	}
	return unique(urls)
}

// balancers are the addresses that stand for a host that is not named.
func balancers(u *unstructured.Unstructured) []string {
	var out []string
	for _, b := range lists(u, "status", "loadBalancer", "ingress") {
		if host := text(b["hostname"]); host != "" {
			out = append(out, host)
		} else if ip := text(b["ip"]); ip != "" {
			out = append(out, ip)
		}
	}
	return out
}

// route lists the addresses of an HTTPRoute. Whether they are encrypted is known to its Gateway; the section that it
// names is the hint that it gives itself.
func route(u *unstructured.Unstructured) []string {
	scheme := "http://"
	for _, p := range lists(u, "spec", "parentRefs") {
		port, _ := p["port"].(int64)
		if port == 443 || strings.Contains(text(p["sectionName"]), "https") {
			scheme = "https://"
		}
	}
	var paths []string
	for _, r := range lists(u, "spec", "rules") {
		for _, m := range list(r, "matches") {
			value, _, _ := unstructured.NestedString(m, "path", "value")
			if form, _, _ := unstructured.NestedString(m, "path", "type"); form != "RegularExpression" {
				paths = append(paths, value)
			}
		}
	}
	hosts, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "hostnames")
	var urls []string
	for _, host := range hosts {
		urls = append(urls, join(scheme+host, paths)...)
	}
	return unique(urls)
}

// join adds paths to an address. What is no plain path, such as a regular expression, adds nothing.
func join(address string, paths []string) []string {
	var out []string
	for _, p := range paths {
		if p == "/" || !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "()[]*\\^$ ") {
			p = ""
		}
		out = append(out, address+p)
	}
	if len(out) == 0 {
		return []string{address}
	}
	return out
}

func unique(urls []string) []string {
	slices.Sort(urls)
	urls = slices.Compact(urls)
	return urls[:min(len(urls), maxURLs)]
}

func lists(u *unstructured.Unstructured, path ...string) []map[string]any {
	return list(u.Object, path...)
}

func list(m map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedFieldNoCopy(m, path...)
	items, _ := list.([]any)
	var out []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func texts(v any) []string {
	items, _ := v.([]any)
	var out []string
	for _, item := range items {
		out = append(out, text(item))
	}
	return out
}
