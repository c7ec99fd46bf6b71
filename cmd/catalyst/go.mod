module catalyst.openova.io/cmd/catalyst

go 1.26.4

require (
	github.com/alecthomas/kong v1.17.0
	golang.org/x/term v0.47.0
	sigs.k8s.io/yaml v1.6.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace catalyst.openova.io/pkg => ../../pkg

replace catalyst.openova.io/proto => ../../proto
