# Neither make nor the tests build this image:
#   docker build --build-arg VERSION=$(git describe --tags --always) -t tstat-transport .
#   docker run --rm -v /data/tstat:/data/tstat -v /etc/tstat-transport:/etc/tstat-transport:ro \
#     -v /etc/localtime:/etc/localtime:ro \
#     --user $(id -u tstat-transport):$(id -g tstat-transport) tstat-transport -d /data/tstat -c /etc/tstat-transport/config.ini -S $(hostname)
# The image knows no names of time zones: without /etc/localtime, the names of directories are
# read in UTC. The image also holds tstat_cull: --entrypoint /tstat_cull. Give both containers
# the same mount: their locks on the directories work between the containers of one host.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/...

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /
USER 65534
ENTRYPOINT ["/tstat_send"]
