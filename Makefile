# What there is to do with Postern. Everything that a target needs it fetches or builds itself.

GO ?= go
# The race detector needs a C compiler.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)

# How functions are built: static, without symbols, byte-identical from any folder. sam build takes it from the environment.
SAM_BUILD := CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -ldflags=-s -tags=lambda.norpc"
ENV ?= dev

# The local AWS stand: Docker, DynamoDB Local, moto, and the functions behind sam local. What follows it is run on the stand.
AWS_LOCAL := infra/stand/with-docker.sh infra/stand/with-dynamodb.sh infra/stand/with-moto.sh $(GO) run ./infra/stand/awslocal

.PHONY: run test test-all bench lint build build-local deploy template aws-local aws-local-test sam-local

run: ## start the real thing on this machine, with an account to try things on
	$(GO) run ./cmd/postern serve --demo

test: ## everything that needs Go alone: unit, property, store suite, simulation, acceptance over `postern serve`
	$(GO) test $(RACE) ./...

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

test-all: lint test template build ## what CI runs: also the template, the adapters on stands of their services, the pages in Chromium, and all of it on the AWS stand
	infra/stand/with-dynamodb.sh $(GO) test $(RACE) ./shared/store/dynamo/...
	infra/stand/with-moto.sh $(GO) test $(RACE) ./shared/keys/kms/... ./shared/queue/sqs/... ./shared/onaws/worker/...
	infra/stand/with-moto.sh $(GO) test $(RACE) -run OnMoto ./cmd/postern
	infra/stand/browser.sh $(GO) test ./acceptance/browser/...
	$(GO) run ./acceptance/bench/onaws functions
	@$(MAKE) aws-local-test || { [ $$? = 2 ] && ! infra/stand/with-docker.sh true 2>/dev/null && \
		echo "NOT TESTED: the AWS stand, since no Docker engine runs or starts on this machine. Everything else is." >&2; }

template: ## checks template.yaml and those of infra/ as CloudFormation and SAM see them
	infra/stand/sam.sh validate --lint --region eu-central-1
	for each in iam dashboard delivery; do infra/stand/sam.sh validate --lint --region eu-central-1 -t infra/$$each/template.yaml || exit 1; done

build: ## builds the functions for deployment, into .aws-sam/
	env $(SAM_BUILD) infra/stand/sam.sh build --parallel

build-local: ## builds the functions for this machine, into .build/functions/
	env $(SAM_BUILD) infra/stand/sam.sh build --parallel --build-dir .build/functions \
		--parameter-overrides Architecture=$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64) MailFrom=postern@stand.example

aws-local: build-local ## starts the functions as AWS would run them, on this machine, with an account to try things on
	$(AWS_LOCAL)

aws-local-test: build-local ## the whole of acceptance/ over the functions on the stand, and each function called by itself
	$(AWS_LOCAL) --listen 127.0.0.1:0 $(GO) test -count=1 -timeout 20m ./acceptance/

sam-local: aws-local ## the same: the functions run behind sam local start-api

deploy: build ## deploys to AWS: make deploy ENV=prod
	infra/stand/sam.sh deploy --config-env $(ENV)

bench: ## ratios, measured in one run
	$(GO) run ./acceptance/bench
	infra/stand/with-dynamodb.sh $(GO) run ./acceptance/bench/onaws
