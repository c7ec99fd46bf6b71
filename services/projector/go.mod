module catalyst.openova.io/services/projector

go 1.26.4

require (
	catalyst.openova.io/pkg v0.0.0
	catalyst.openova.io/pkg/api v0.0.0
	catalyst.openova.io/proto v0.0.0
)

replace catalyst.openova.io/pkg => ../../pkg

replace catalyst.openova.io/proto => ../../proto

replace catalyst.openova.io/pkg/api => ../../pkg/api
