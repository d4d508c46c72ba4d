//! Makes the images that the cases start from, of what this machine has: a shell with stand-ins for programs that
//! Dockerfiles run, and the same with Go. They lie in folders in the OCI layout and stand for names of public images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::servers::{Engine, found};
use super::buildx;

/// Which of the images stands for which names.
const NAMES: [(&str, &[&str]); 3] = [
    ("go", &["golang:1.24", "golang:1.24-alpine"]),
    ("shell", &["alpine:3.20", "debian:bookworm-slim", "node:20-alpine", "nginx:1.27-alpine"]),
    ("static", &["gcr.io/distroless/static:nonroot"]),
];

/// What `go build` needs beside packages.
const TOOLS: [&str; 3] = ["asm", "compile", "link"];

/// Programs that do what the real ones do as far as files are concerned: `npm` reads and writes its folder, `make` runs
/// all recipes of its file, certificates are gathered, packages are installed somewhere else.
const PROGRAMS: [(&str, &str); 7] = [
    ("addgroup", ":"),
    ("adduser", ":"),
    ("apk", ":"),
    ("apt-get", ":"),
    (
        "npm",
        "case $1 in\n\
         ci) mkdir -p node_modules && cp package.json node_modules/list ;;\n\
         run) mkdir -p dist && cat node_modules/list $(find src -type f | sort) >dist/bundle.js ;;\n\
         esac",
    ),
    ("make", "sed -n 's/^\\t//p' Makefile | sh -e"),
    (
        "update-ca-certificates",
        "mkdir -p /etc/ssl/certs && cat /usr/local/share/ca-certificates/*.crt >/etc/ssl/certs/ca-certificates.crt",
    ),
];

/// An image that a name means.
pub(super) struct Base {
    name: &'static str,
    layout: PathBuf,
}

impl Base {
    /// As `--build-context` takes it.
    pub(super) fn as_build_context(&self) -> String {
        format!("{}=oci-layout://{}", self.name, self.layout.display())
    }
}

/// Builds the images.
pub(super) fn make(engine: &Engine) -> Vec<Base> {
    let root = engine.folder.path().join("bases");
    let context = root.join("context");
    write_context(&context);
    let mut bases = Vec::new();
    for (target, names) in NAMES {
        let layout = root.join(target);
        let mut command = buildx(engine);
        let output = format!("type=oci,tar=false,compression=uncompressed,dest={}", layout.display());
        let output = command.args(["--target", target, "--output", &output]).arg(&context).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        bases.extend(names.iter().map(|name| Base { name, layout: layout.clone() }));
    }
    bases
}

/// The Dockerfile and what it copies. The parts of the standard library that the cases use are compiled once; the cache is
/// where no Dockerfile mounts another one. For speed nothing collects garbage, and programs have no symbols. Dockerfiles
/// that set GOFLAGS should have `-trimpath` there, too, or the standard library is compiled again.
fn write_context(context: &Path) {
    let go = context.join("go");
    copy_go(&go);
    write(&go.join("src/m/go.mod"), "module m\n\ngo 1.24\n");
    write(&go.join("src/m/m.go"), "package main\n\nimport (\n\t_ \"embed\"\n\t_ \"os\"\n)\n\nfunc main() {}\n");
    copy_file(&found("busybox"), &context.join("bin/busybox"));
    for (name, script) in PROGRAMS {
        write(&context.join("bin").join(name), &format!("#!/bin/sh\nset -e\n{script}\n"));
    }
    write(&context.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/home/nonroot:/bin/sh\n");
    write(&context.join("etc/group"), "root:x:0:\nnonroot:x:65532:\n");
    write(
        &context.join("Dockerfile"),
        "FROM scratch AS static\nCOPY etc /etc\n\
         FROM static AS shell\nCOPY --chmod=755 bin /bin\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n\
         ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\nRUN mkdir /tmp /root\n\
         FROM shell AS go\nCOPY go /usr/local/go\n\
         ENV PATH=/go/bin:/usr/local/go/bin:$PATH CGO_ENABLED=0 GOTOOLCHAIN=local GOPROXY=off GOPATH=/go GOCACHE=/cache \
         GOGC=off\n\
         RUN go env -w 'GOFLAGS=-trimpath -ldflags=-s' && cd /usr/local/go/src/m && go build -o /m . && rm -r /m $PWD\n\
         WORKDIR /go\n",
    );
}

/// The toolchain of this machine without what the cases do not use.
fn copy_go(target: &Path) {
    let go = |arguments: &[&str]| {
        let output = Command::new("go").args(arguments).env("CGO_ENABLED", "0").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let environment = go(&["env", "GOROOT", "GOTOOLDIR"]);
    let (root, tools) = environment.trim().split_once('\n').unwrap();
    let (root, tools) = (Path::new(root), Path::new(tools));
    let below_root = |path: &Path| target.join(path.strip_prefix(root).unwrap());
    for file in ["VERSION", "go.env", "bin/go", "src/go.mod"] {
        copy_file(&root.join(file), &target.join(file));
    }
    for tool in TOOLS {
        copy_file(&tools.join(tool), &below_root(&tools.join(tool)));
    }
    // The runtime includes headers from the last two.
    let folders = go(&["list", "-deps", "-f", "{{.Dir}}", "os", "embed"]);
    let headers = [root.join("pkg/include"), root.join("src/runtime/cgo")];
    for folder in folders.lines().map(PathBuf::from).chain(headers) {
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() && !file.to_str().unwrap().ends_with("_test.go") {
                copy_file(&file, &below_root(&file));
            }
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
