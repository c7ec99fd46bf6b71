module catalyst.openova.io/test

go 1.26.4

require (
	catalyst.openova.io/pkg v0.0.0
	catalyst.openova.io/proto v0.0.0
)

require (
	k8s.io/apimachinery v0.37.2 // indirect
	k8s.io/client-go v0.37.2 // indirect
)

replace catalyst.openova.io/pkg => ../pkg

replace catalyst.openova.io/proto => ../proto
