# uclab's checks and chores. `make check` is what CI runs.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS   = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test check fmt vet staticcheck cross bench soak docs docs-check tools pictures

build:
	go build -o uclab ./cmd/uclab

# The README's own test command, after bringing the real tools it compares with.
test: tools
	go test -timeout 30m ./...

tools:
	@.ci/tools

check: fmt vet staticcheck cross docs-check test

fmt:
	@files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "gofmt -w needed on:"; echo "$$files"; exit 1; fi

vet:
	go vet ./...

staticcheck:
	go run $(STATICCHECK) ./...

cross:
	@for platform in $(PLATFORMS); do \
		echo "build $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 go build -o /dev/null ./cmd/uclab || exit 1; \
	done

# docs/cli.md, the man pages and the completion scripts come from the command itself.
docs:
	go run ./cmd/uclab gendocs docs

docs-check:
	@dir=$$(mktemp -d) && go run ./cmd/uclab gendocs $$dir && \
	for part in cli.md man completion; do \
		diff -r $$dir/$$part docs/$$part >/dev/null || { echo "docs/$$part is stale: run 'make docs' and commit"; rm -rf $$dir; exit 1; }; \
	done; rm -rf $$dir

soak: ## a thousand seeded schedules of faults
	go test ./vsphere -run TestSoak -soak 1000 -timeout 4h

bench:
	go test -run '^$$' -bench . -benchtime 1x ./...

# The README's pictures, taken by Chromium of pages that `uclab graph` makes.
pictures:
	go test ./cmd/uclab -count=1 -run TestPictures -pictures $(CURDIR)/docs/pictures
