# reconcile alone, in an image that has nothing else, for a user without rights:
#
#	docker build --build-arg VERSION=v1.2.3 --tag tenantry .
#	docker run --rm --volume "$PWD:/work:ro" --env DATABASE_URL tenantry --dry-run
#
# There is no git in it, so plans do not name a commit, and no PostgreSQL: the database has to be named.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" -o /reconcile ./cmd/reconcile

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /reconcile /usr/local/bin/reconcile
# Where CI is set, a forgotten URL is an error at once and no attempt to start a PostgreSQL.
ENV CI=true USER=reconcile HOME=/work
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/reconcile"]
