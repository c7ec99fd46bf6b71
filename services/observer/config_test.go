package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestClusters(t *testing.T) {
	for _, c := range []struct{ reason, list, name, kubeconfig, want, err string }{
		{"one", "", "local", "/k", "[{local /k}]", ""},
		{"several", "local=/k, far=/f", "ignored", "", "[{local /k} {far /f}]", ""},
		{"the one that the process runs in", "", "local", "", "[{local }]", ""},
		{"none", "", "", "/k", "", "CATALYST_CLUSTERS"},
		{"two of one name", "a=/1,a=/2", "", "", "", `"a"`},
		{"one that is called as the forge", "forge=/1", "", "", "", "forge"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			env := map[string]string{"CATALYST_CLUSTERS": c.list, "CATALYST_CLUSTER": c.name, "KUBECONFIG": c.kubeconfig}
			got, err := clusters(func(k string) string { return env[k] })
			switch {
			case c.err == "" && (err != nil || fmt.Sprint(got) != c.want):
				t.Errorf("clusters %v, %v, want %s", got, err, c.want)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want one that names %s", err, c.err)
			}
		})
	}
}
