// Command renderer makes the objects that Flux would apply, for the service provisioning, which starts it and talks to
// it by its input and output. It is a program of its own so that what it renders cannot harm the service, and the
// libraries of Helm and Kustomize take no memory while nobody looks at a plan.
package main

import (
	"fmt"
	"os"

	"catalyst.openova.io/services/provisioning/internal/render"
	"catalyst.openova.io/services/provisioning/internal/renderer"
)

func main() {
	if err := renderer.Serve(os.Stdin, os.Stdout, render.Flux{}); err != nil {
		fmt.Fprintln(os.Stderr, "renderer:", err)
		os.Exit(1)
	}
}
