package forgetest_test

import (
	"testing"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/forgetest"
)

func TestFakeConforms(t *testing.T) {
	forgetest.Conformance(t, func(*testing.T) (forge.Reader, forge.History, forge.Writer, string) {
		f := forgetest.New("acme")
		return f, f, f, "acme"
	})
}
