//! Turns the model into the text of all files that are not Go: module files, Dockerfiles, manifests, documents, data.

#![expect(clippy::format_push_string, reason = "a template reads like the text that it makes")]
#![expect(clippy::format_collect, reason = "a template reads like the text that it makes")]

use super::model::{Condition, DataFile, Kind, Module, ModuleId, Repo};
use super::random::Random;
use super::words;
use std::collections::BTreeSet;

/// The language version that all modules ask for.
const GO_VERSION: &str = "1.24";

/// The workflow of the CI system, by its path.
pub(crate) const WORKFLOW: &str = ".github/workflows/ci.yml";

/// The files in the root folder and in folders that belong to no module.
pub(crate) fn root_files(repo: &Repo) -> Vec<(String, String)> {
    let uses: BTreeSet<String> = repo.modules.iter().map(|module| format!("\t./{}\n", module.folder)).collect();
    let owners: BTreeSet<String> =
        repo.modules.iter().map(|module| format!("/{}/ @mono/{}\n", module.folder, module.owner())).collect();
    let file = |path: &str, text: String| (path.to_owned(), text);
    vec![
        file("README.md", "# mono\n\nServices live in `services/`, what they share in `libs/`.\n".to_owned()),
        file("go.work", format!("go {GO_VERSION}\n\nuse (\n{})\n", uses.into_iter().collect::<String>())),
        file(".gitignore", "/bin/\n*.exe\n*.test\n".to_owned()),
        file(".dockerignore", ".git\nbin\n".to_owned()),
        file(".github/CODEOWNERS", owners.into_iter().collect()),
        file(WORKFLOW, workflow(repo)),
        file("docs/layout.md", "# Layout\n\nA library may import libraries of the layers below it.\n".to_owned()),
        file("testdata/request.json", "{\n  \"kind\": \"probe\",\n  \"revision\": 1\n}\n".to_owned()),
    ]
}

/// The workflow of the CI system.
pub(crate) fn workflow(repo: &Repo) -> String {
    format!(
        "name: ci\non: [push, pull_request]\nenv:\n  CACHE_EPOCH: \"{}\"\njobs:\n  test:\n    runs-on: ubuntu-latest\n    \
         steps:\n      - uses: actions/checkout@v4\n      - uses: actions/setup-go@v5\n      - run: go vet ./...\n",
        repo.workflow_revision
    )
}

/// All files of a module that are not Go and belong to no package.
pub(crate) fn module_files(repo: &Repo, id: ModuleId) -> Vec<(String, String)> {
    let module = &repo.modules[id];
    let mut files = vec![(go_mod_path(module), go_mod(repo, id)), (readme_path(module), readme(repo, module))];
    if module.kind == Kind::Service {
        files.push((dockerfile_path(module), dockerfile(module)));
        files.push((manifest_path(module), manifest(module)));
    }
    files
}

pub(crate) fn go_mod_path(module: &Module) -> String {
    format!("{}/go.mod", module.folder)
}

pub(crate) fn readme_path(module: &Module) -> String {
    format!("{}/README.md", module.folder)
}

pub(crate) fn dockerfile_path(module: &Module) -> String {
    format!("{}/Dockerfile", module.folder)
}

pub(crate) fn manifest_path(module: &Module) -> String {
    format!("{}/deploy/{}.yaml", module.folder, module.name)
}

/// `go.mod`, with the modules that the code of the module imports, tests and other platforms included.
pub(crate) fn go_mod(repo: &Repo, id: ModuleId) -> String {
    let module = &repo.modules[id];
    let files = module.packages.iter().flat_map(|&package| &repo.packages[package].files);
    let imports = files.filter(|file| file.condition != Condition::Ignore).flat_map(|file| &file.imports);
    let modules = imports.map(|&package| repo.packages[package].module).filter(|&other| other != id);
    let needed: BTreeSet<&str> = modules.map(|other| repo.modules[other].folder.as_str()).collect();

    let comment = if module.owner_comment { "// Owned by the platform team; ask before you add to it.\n" } else { "" };
    let mut text = format!("{comment}module {}\n\ngo {GO_VERSION}\n", module.import_path());
    if !needed.is_empty() {
        let root = super::model::ROOT;
        let requires: String = needed.iter().map(|folder| format!("\t{root}/{folder} v0.0.0\n")).collect();
        let replaces: String = needed.iter().map(|folder| format!("\t{root}/{folder} => ../../{folder}\n")).collect();
        text.push_str(&format!("\nrequire (\n{requires})\n\nreplace (\n{replaces})\n"));
    }
    text
}

pub(crate) fn readme(repo: &Repo, module: &Module) -> String {
    let mut random = Random::named(repo.seed, &format!("{}#{}", readme_path(module), module.readme_revision));
    format!("# {}\n\nBelongs to {}.\n\n{}", module.name, module.owner(), prose(&mut random))
}

/// A multi-stage build whose context is the root folder of the repository.
pub(crate) fn dockerfile(module: &Module) -> String {
    let copies = if module.copies_everything {
        "COPY go.work ./\nCOPY . .\n"
    } else {
        "COPY go.work ./\nCOPY libs/ libs/\nCOPY services/ services/\n"
    };
    let (name, folder, revision) = (&module.name, &module.folder, module.dockerfile_revision);
    format!(
        "# syntax=docker/dockerfile:1\n\
         ARG GO_VERSION={GO_VERSION}\n\
         FROM golang:${{GO_VERSION}}-bookworm AS build\n\
         WORKDIR /src\n\
         {copies}\
         ENV CGO_ENABLED=0\n\
         RUN --mount=type=cache,target=/root/.cache/go-build \\\n    \
             go build -trimpath -o /out/{name} ./{folder}/cmd/{name}\n\
         \n\
         FROM gcr.io/distroless/static-debian12\n\
         ENV RELEASE_TRAIN={revision}\n\
         COPY --from=build /out/{name} /{name}\n\
         USER 65532\n\
         EXPOSE 8080\n\
         ENTRYPOINT [\"/{name}\"]\n"
    )
}

/// How the service is deployed.
pub(crate) fn manifest(module: &Module) -> String {
    let (name, owner, replicas) = (&module.name, module.owner(), module.manifest_revision + 2);
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  labels:\n    owner: {owner}\nspec:\n  \
         replicas: {replicas}\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      \
         labels:\n        app: {name}\n    spec:\n      containers:\n        - name: {name}\n          \
         image: registry.example.com/{name}\n          ports:\n            - containerPort: 8080\n"
    )
}

/// The text of a data file.
pub(crate) fn data(repo: &Repo, file: &DataFile) -> String {
    let mut random = Random::named(repo.seed, &format!("{}#{}", file.path, file.revision));
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    match extension {
        "json" => format!("{{\n  \"case\": {},\n  \"want\": {}\n}}\n", random.below(1000), random.below(100_000)),
        "go" => format!("package broken // {}\n\nimport \"not/a/package\n\nfunc {{\n", random.below(1000)),
        "tmpl" => format!(
            "<h1>{{{{ .Title }}}}</h1>\n<!-- {} -->\n{{{{ .Body }}}}\n{}",
            random.below(1000),
            prose(&mut random)
        ),
        _ => prose(&mut random),
    }
}

fn prose(random: &mut Random) -> String {
    let lines = random.between(6, 30);
    let mut text = String::new();
    for _ in 0..lines {
        let verb = random.pick(words::VERBS).copied().unwrap_or_default();
        let noun = random.pick(words::NOUNS).copied().unwrap_or_default().to_lowercase();
        text.push_str(&format!("{verb} the {noun} {} times.\n", random.between(2, 9999)));
    }
    text
}
