module catalyst.openova.io/proto

go 1.26.4

require (
	connectrpc.com/connect v1.19.1
	google.golang.org/protobuf v1.36.12
)
