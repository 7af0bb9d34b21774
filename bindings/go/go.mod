module github.com/casehug/clio-sync/bindings/go

go 1.21
