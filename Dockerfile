# One static binary in an otherwise empty image.
#
#   docker build --build-arg VERSION=v1.2.3 -t kvorum .
#
# Where no image registry can be reached, scripts/docker-base.sh makes a local
# stand-in for the image of the first stage, and prints its name.

ARG KVORUM_BUILD_IMAGE=golang:1.26
FROM ${KVORUM_BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# What takes longest to compile and seldom changes comes first: a change of the
# source then builds in seconds, since Docker still has this layer.
ENV CGO_ENABLED=0 GOFLAGS=-trimpath
RUN go build net/http github.com/hashicorp/raft github.com/hashicorp/raft-boltdb/v2 \
    github.com/hashicorp/raft-wal github.com/prometheus/client_golang/prometheus/promhttp
COPY . .
# What "kvorum version" says; without it, the build does not know its revision:
# the context has no .git.
ARG VERSION=
RUN go build -ldflags "-s -w -X main.release=$VERSION" -o /out/kvorum ./cmd/kvorum
# An empty directory, for there is no mkdir in the final image.
WORKDIR /out/data

FROM scratch
COPY --from=build /out/kvorum /kvorum
# A new named volume takes over the owner of the directory that it covers: this
# is what lets a user without rights write to it.
COPY --from=build --chown=65532:65532 /out/data /data
ENV KVORUM_DATA=/data
VOLUME /data
USER 65532:65532
# Clients, and health and metrics. Not the peer port, 16379: whoever reaches it
# is trusted, so that "docker run -P" must not publish it.
EXPOSE 6379 8379
ENTRYPOINT ["/kvorum"]
CMD ["serve"]
