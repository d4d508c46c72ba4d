//! Dockerfiles in the styles found in Go repositories: each must parse, with these bases, sources and build targets.

use super::Dockerfile;

#[track_caller]
fn check(text: &str, bases: &str, sources: &str, targets: &str) {
    let file = Dockerfile::parse(text.as_bytes());
    assert_eq!(file.problem, None);
    assert_eq!(file.bases.join(" "), bases);
    let found: Vec<&str> = file.context_reads().flat_map(|read| read.sources).map(String::as_str).collect();
    assert_eq!(found.join(" "), sources);
    assert_eq!(file.go_build_targets().join(" "), targets);
}

#[test]
fn two_stages_with_cached_modules() {
    check(
        r#"# syntax=docker/dockerfile:1
# check=skip=JSONArgsRecommended;error=true

FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:1.25.1-alpine3.22@sha256:0123456789abcdef AS builder
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download -x
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags="-s -w -X main.version=$(git describe --tags)" -o /out/api ./cmd/api

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=builder --chown=65532:65532 /out/api /api
USER 65532:65532
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/api"]
CMD ["--config", "/etc/api.yaml"]
"#,
        "gcr.io/distroless/static-debian12:nonroot golang:1.25.1-alpine3.22@sha256:0123456789abcdef",
        "go.mod go.sum .",
        "./cmd/api",
    );
    check(
        "FROM golang AS build\nWORKDIR /go/src/app\nRUN --mount=type=bind,target=. go build -o /bin/app\n\nFROM scratch\n\
         COPY --from=build /bin/app /app\nCOPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n\
         ENTRYPOINT [ \"/app\" ]",
        "golang",
        ".",
        ".",
    );
    check(
        "FROM golang:1.24\n\nWORKDIR /usr/src/app\n\n# pre-copy/cache go.mod for pre-downloading dependencies\n\
         COPY go.mod go.sum ./\nRUN go mod download\n\nCOPY . .\nRUN go build -v -o /usr/local/bin/app ./...\n\nCMD [\"app\"]\n",
        "golang:1.24",
        "go.mod go.sum .",
        "./...",
    );
}

#[test]
fn arguments_choose_the_service() {
    check(
        "ARG GO_VERSION=1.25\nARG SERVICE\nFROM golang:${GO_VERSION} AS build\nARG SERVICE\nCOPY . /src\nWORKDIR /src\n\
         RUN test -n \"$SERVICE\" || (echo \"SERVICE is not set\" && false)\nRUN go build -o /bin/${SERVICE} ./services/${SERVICE}/cmd\n\
         FROM alpine:3.20\nARG SERVICE\nENV SERVICE=${SERVICE}\nCOPY --from=build /bin/${SERVICE} /bin/\n\
         COPY services/${SERVICE}/config.yaml /etc/\nENTRYPOINT exec /bin/$SERVICE\n",
        "alpine:3.20 golang:1.25",
        ". services/${SERVICE}/config.yaml",
        "./services/${SERVICE}/cmd",
    );
    check(
        "ARG BASE_REGISTRY=docker.io/library ALPINE=3.20\nFROM ${BASE_REGISTRY}/golang:1 as b\nARG APP=cart\n\
         RUN go install -ldflags \"-X 'main.Name=${APP}'\" example.com/shop/cmd/${APP}\nFROM ${BASE_REGISTRY}/alpine:${ALPINE}\n",
        "docker.io/library/alpine:3.20 docker.io/library/golang:1",
        "",
        "example.com/shop/cmd/cart",
    );
    check(
        "ARG ARCH=amd64\nFROM quay.io/prometheus/busybox-linux-${ARCH}:latest\nLABEL maintainer=\"The Authors <a@example.org>\" \\\n\
         \x20     org.opencontainers.image.title=\"it's a \\\"title\\\"\"\nARG ARCH=amd64\nARG OS=linux\n\
         COPY .build/${OS}-${ARCH}/prom        /bin/prom\nRUN mkdir -p /etc/prom && chown -R nobody:nobody /etc/prom\n\
         USER nobody\nVOLUME [ \"/prom\" ]\n",
        "quay.io/prometheus/busybox-linux-amd64:latest",
        ".build/linux-amd64/prom",
        "",
    );
    check(
        "FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.6.1 AS xx\nFROM --platform=$BUILDPLATFORM golang:1 AS base\n\
         COPY --from=xx / /\nARG TARGETPLATFORM\nRUN xx-go --wrap && go build -o out/x ./x && xx-verify --static out/x\n",
        "golang:1 tonistiigi/xx:1.6.1",
        "",
        "./x",
    );
}

#[test]
fn here_documents_in_all_places() {
    check(
        "FROM golang\nRUN <<EOF\nset -eux\napt-get update\ngo build -o /x ./cmd/x\nEOF\n\
         COPY <<-\"CONF\" /etc/nginx.conf\n\tserver { listen 80; }\n\tCONF\nCOPY a /\n",
        "golang",
        "a",
        "./cmd/x",
    );
    check(
        "FROM alpine\nRUN cat <<'EOF' > /entrypoint.sh && chmod +x /entrypoint.sh\n#!/bin/sh\nFROM=1\nexec \"$@\"\nEOF\nCOPY b /\n",
        "alpine",
        "b",
        "",
    );
    check(
        "FROM python AS p\nRUN python3 <<EOF1 && bash <<EOF2\nprint('RUN')\nEOF1\necho COPY x y\nEOF2\nADD c /\n",
        "python",
        "c",
        "",
    );
    check(
        "FROM alpine\nCOPY --chmod=644 <<EOF.a <<EOF.b /dir/\none\nEOF.a\ntwo\nEOF.b\nRUN bash -euo pipefail <<\"SH\"\ngo build ./y\nSH\n",
        "alpine",
        "",
        "./y",
    );
    check("FROM a\nRUN <<EOF bash -ex\n  go build ./z \\\n    -o /z\nEOF\n", "a", "", "./z");
    check("FROM a\nRUN grep x <<< \"$Y\" || true\nCOPY d /\n", "a", "d", "");
}

#[test]
fn old_styles() {
    check(
        "FROM golang:1.6\nMAINTAINER Some One <one@example.org>\nENV GOPATH /go\nENV PATH $GOPATH/bin:/usr/local/go/bin:$PATH\n\
         ADD . /go/src/github.com/acme/shop\nRUN go install github.com/acme/shop/cmd/shopd\nENTRYPOINT /go/bin/shopd\nEXPOSE 80\n",
        "golang:1.6",
        ".",
        "github.com/acme/shop/cmd/shopd",
    );
    check(
        "from golang:onbuild\nexpose 8080\nonbuild copy . /go/src/app\nONBUILD RUN go-wrapper install\ncmd [\"app\"]\n",
        "golang:onbuild",
        ".",
        "",
    );
    check(
        "FROM centos:7\nADD https://example.org/x.tar.gz /tmp/\nADD rootfs.tar.xz /\nENV A=b \\\n    C=\"d e\" \\\n\n    F=g\\ h\nSTOPSIGNAL SIGTERM\n\
         HEALTHCHECK --interval=5m --timeout=3s \\\n  CMD curl -f http://localhost/ || exit 1\nUSER 1000\n",
        "centos:7",
        "rootfs.tar.xz",
        "",
    );
    check(
        "FROM a\nHEALTHCHECK NONE\nCMD []\nVOLUME /a /b\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\n",
        "a",
        "",
        "",
    );
    check("FROM a\nRUN [ -f /x ] && [[ -d /y ]] || true\nRUN [ \"a\", \"b\" ]\nRUN ['a', 'b']\n", "a", "", "");
}

#[test]
fn windows_with_a_backtick() {
    check(
        "# escape=`\r\n\r\nFROM mcr.microsoft.com/windows/nanoserver:ltsc2022\r\nSHELL [\"powershell\", \"-Command\"]\r\n\
         WORKDIR C:\\app\r\nCOPY bin\\app.exe `\r\n     conf C:\\app\\\r\nRUN dir c:\\ ; `\r\n    echo x\r\nENTRYPOINT [\"C:\\\\app\\\\app.exe\"]\r\n",
        "mcr.microsoft.com/windows/nanoserver:ltsc2022",
        "bin\\app.exe conf",
        "",
    );
}

#[test]
fn monorepos_with_workspaces() {
    check(
        "FROM golang:1.25 AS deps\nWORKDIR /src\nCOPY go.work go.work.sum ./\nCOPY libs/log/go.mod libs/log/go.sum ./libs/log/\n\
         COPY services/auth/go.* ./services/auth/\nRUN cd services/auth && go mod download\n\nFROM deps AS build\nCOPY libs/ libs/\n\
         COPY services/auth services/auth\nWORKDIR /src/services/auth\nRUN go test ./... && GOWORK=off go build -o /auth .\n\n\
         FROM gcr.io/distroless/base\nCOPY --from=build /auth /\nCOPY services/auth/migrations /migrations\n",
        "gcr.io/distroless/base golang:1.25",
        "go.work go.work.sum libs/log/go.mod libs/log/go.sum services/auth/go.* libs/ services/auth services/auth/migrations",
        ".",
    );
    check(
        "FROM golang AS build\nCOPY --parents go.work ./**/go.mod ./**/go.sum /src/\nCOPY --exclude=*.md --link libs /src/libs\n\
         RUN --network=none --security=insecure go build -C /src/services/cart -o /cart\n",
        "golang",
        "go.work ./**/go.mod ./**/go.sum libs",
        "/src/services/cart",
    );
    check(
        "FROM node:22 AS web\nWORKDIR /web\nCOPY web/package.json web/pnpm-lock.yaml* ./\nRUN corepack enable && pnpm i --frozen-lockfile\n\
         COPY web .\nRUN pnpm build\nFROM golang AS go\nCOPY . /app\nCOPY --from=web /web/dist /app/web/dist\nWORKDIR /app\n\
         RUN make build VERSION=${VERSION:-dev} && go build -tags embed -o /srv ./cmd/srv/main.go\n",
        "golang node:22",
        "web/package.json web/pnpm-lock.yaml* web .",
        "./cmd/srv/main.go",
    );
    check(
        "FROM golang AS b\nRUN for s in auth cart; do \\\n      # each\n      go build -o /out/$s ./services/$s || exit 1; \\\n    done\nFROM b AS test\nRUN go test ./...\n",
        "golang",
        "",
        "./services/${s}",
    );
    check(
        "FROM golang:1.25 AS builder\nWORKDIR /workspace\n# Copy the Go Modules manifests\nCOPY go.mod go.mod\nCOPY go.sum go.sum\nRUN go mod download\n\
         # Copy the go source\nCOPY cmd/main.go cmd/main.go\nCOPY api/ api/\nCOPY internal/ internal/\n\
         RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -a -o manager cmd/main.go\n",
        "golang:1.25",
        "go.mod go.sum cmd/main.go api/ internal/",
        "cmd/main.go",
    );
}

#[test]
fn odd_but_accepted() {
    check("FROM a AS x\nFROM b AS X\nCOPY --from=x /a /\nCOPY c /", "a b", "c", "");
    check("# foo=bar\n# escape=`\nFROM a\nCOPY b \\\n /c", "a", "b", "");
    check("\n\n   # c\n   FROM   a   \n\tCOPY\tb\t/c\t\n", "a", "b", "");
    check("FROM a\nRUN echo \\\\\nCOPY b /\n", "a", "b", "");
    check("FROM a\nRUN true && \\\n\n\n# x\n  false\nCOPY b /", "a", "b", "");
    check("FROM a\nENV X=\"multi \\\n  line\" Y='#no'\nCOPY b /", "a", "b", "");
    check("FROM a\nCOPY [ \"b c\" , \"d\\u0065\", \"/\" ]", "a", "b c de", "");
    check("FROM a\nRUN echo \"unfinished\nCOPY b /", "a", "b", "");
    check("FR\\\nOM a\nCO\\\nPY b \\\n/", "a", "b", "");
    check("FROM a\nRUN echo $((1 + 2)) ${X%%.*} ${Y//a/b} && :\nCOPY b /", "a", "b", "");
    check("FROM a\nLABEL a.b=c \"d e\"=f\nARG X=\"y z\" W\nCOPY \"$X\" /", "a", "y z", "");
    check("FROM a\nCOPY --chown=$U:$G --from=b /x /\nCOPY --keep-git-dir c /", "a", "c", "");
    check(
        "FROM a\nADD --checksum=sha256:00 https://x.org/a b/ /\nADD --keep-git-dir=true git@x.org:a/b.git#v1 /b",
        "a",
        "b/",
        "",
    );
}
