module catalyst.openova.io/deploy/local/issuer

go 1.26.4
