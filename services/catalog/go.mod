module catalyst.openova.io/services/catalog

go 1.26.4

require (
	catalyst.openova.io/pkg v0.0.0
	catalyst.openova.io/proto v0.0.0
	connectrpc.com/connect v1.19.1
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/danielgtaylor/huma/v2 v2.39.0
	github.com/go-chi/chi/v5 v5.3.0
	github.com/opencontainers/go-digest v1.0.1-0.20231025023718-d50d2fec9c98
	github.com/opencontainers/image-spec v1.1.1
	oras.land/oras-go/v2 v2.6.1
	pgregory.net/rapid v1.3.0
)

require (
	github.com/coreos/go-oidc/v3 v3.18.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // indirect
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace catalyst.openova.io/pkg => ../../pkg

replace catalyst.openova.io/proto => ../../proto
