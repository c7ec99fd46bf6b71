module catalyst.openova.io/pkg/api

go 1.26.4

require k8s.io/apimachinery v0.37.2
