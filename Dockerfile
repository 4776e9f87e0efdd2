# A static binary and certificates, nothing else: no shell, no package manager, no root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
ARG COMMIT=
RUN make build VERSION="${VERSION}" COMMIT="${COMMIT}" && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The names of time zones (sites[].timezone).
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
ENV ZONEINFO=/usr/share/zoneinfo.zip
COPY --from=build --chown=65532:65532 /data /var/lib/optin
# Only the demo writes there.
COPY --from=build --chown=65532:65532 /data /tmp
COPY --from=build /src/dist/optin /optin
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s CMD ["/optin", "healthcheck"]
ENTRYPOINT ["/optin"]
CMD ["serve", "-config", "/etc/optin/optin.yaml"]
