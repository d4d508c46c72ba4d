//! The rules about what the context brings along: `no-dockerignore`, `leaky-dockerignore`, `vcs-stamp`.

use super::commands::{GoCommand, Setting, commands, is_opaque, program};
use super::subject::{Step, Subject, context_copy};
use super::{Advised, Findings};
use crate::config::LintRule;
use crate::docker::{Ignore, dockerignore_of};
use crate::lint::base_image::Kind;
use crate::repo::{EntryKind, RepoPath, TreeError, find_entry};

/// What is left out of the context.
struct Ignored {
    /// The file that says so.
    path: Option<RepoPath>,
    rules: Ignore,
}

impl Ignored {
    fn read(subject: &Subject<'_>) -> Result<Self, TreeError> {
        let Some(dockerfile) = &subject.service.dockerfile else {
            return Ok(Self { path: None, rules: Ignore::parse(b"") });
        };
        let path = dockerignore_of(subject.tree(), dockerfile, &subject.context)?;
        let rules = match &path {
            Some(path) => Ignore::parse(&subject.tree().read(path)?),
            None => Ignore::parse(b""),
        };
        Ok(Self { path, rules })
    }

    /// Whether a file of the context, or what is in a folder, is left out.
    fn leaves_out(&self, name: &str) -> bool {
        self.rules.excludes(name.as_bytes()) || self.rules.excludes(format!("{name}/HEAD").as_bytes())
    }
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) -> Result<(), TreeError> {
    let ignored = Ignored::read(subject)?;
    vcs_stamp(subject, &ignored, findings);
    let Some(step) = subject.whole_copies().next() else { return Ok(()) };
    let unwanted = unwanted(subject, &ignored)?;
    let line = step.instruction.line;
    let verb = if step.instruction.run().is_some() { "mounts" } else { "copies" };
    let file = subject.context.child(b".dockerignore");
    match &ignored.path {
        None if !unwanted.is_empty() => findings.add(
            LintRule::NoDockerignore,
            line,
            Advised {
                message: format!("this {verb} the whole context, and there is no .dockerignore"),
                reason: format!("{}, and each change of a README or a CI file builds again", consequences(&unwanted)),
                gain: "a context of the files that matter: less to send, fewer layers thrown away".to_owned(),
                fix: format!("write {file} with the lines {}", lines(&unwanted)),
            },
        ),
        Some(path) if !unwanted.is_empty() => findings.add(
            LintRule::LeakyDockerignore,
            line,
            Advised {
                message: format!("this {verb} the whole context, and {path} lets in {}", lines(&unwanted)),
                reason: consequences(&unwanted),
                gain: if unwanted.iter().any(|name| name.starts_with(".env")) {
                    "no secrets in layers and caches".to_owned()
                } else {
                    "less to send, fewer layers thrown away".to_owned()
                },
                fix: format!("add to {path}: {}", lines(&unwanted)),
            },
        ),
        _ => {}
    }
    Ok(())
}

fn lines(names: &[&'static str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What follows from what comes along.
fn consequences(unwanted: &[&'static str]) -> String {
    let of = |name: &&'static str| match *name {
        ".git" => {
            "the history of the repository is sent with each build, and each commit or fetch throws the layer away"
        }
        "**/node_modules" => "installed packages are sent with each build, often hundreds of megabytes",
        _ => "local environment files, which tend to hold secrets, get into layers and caches",
    };
    unwanted.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// What would come along and should not, as lines of a `.dockerignore`. Only what is there, or what will be.
fn unwanted(subject: &Subject<'_>, ignored: &Ignored) -> Result<Vec<&'static str>, TreeError> {
    let mut names = Vec::new();
    let context = &subject.context;
    if context.is_root() && !ignored.leaves_out(".git") && !needs_git(subject) {
        names.push(".git");
    }
    let listing = subject.tree().list(context)?;
    let entries = listing.iter().flat_map(|listing| listing.iter());
    let is_environment = |name: &str| {
        let rest = name.strip_prefix(".env").filter(|rest| rest.is_empty() || rest.starts_with('.'));
        rest.is_some_and(|rest| {
            !["example", "sample", "template", "dist", "test", "ci"].iter().any(|word| rest.contains(word))
        })
    };
    let found = entries.filter(|entry| !matches!(entry.kind, EntryKind::Folder | EntryKind::Submodule));
    let mut found = found.filter_map(|entry| str::from_utf8(&entry.name).ok());
    if found.any(|name| is_environment(name) && !ignored.leaves_out(name))
        || git_ignores_environment(subject)? && !ignored.leaves_out(".env")
    {
        names.push(".env*");
    }
    let has_packages = |folder: &RepoPath| -> Result<bool, TreeError> {
        let listing = subject.tree().list(folder)?;
        Ok(listing.is_some_and(|listing| find_entry(&listing, b"package.json").is_some()))
    };
    let folders = listing.iter().flat_map(|listing| listing.iter()).filter(|entry| entry.kind == EntryKind::Folder);
    let mut packages = vec![(context.clone(), "node_modules".to_owned())];
    packages.extend(folders.filter_map(|entry| {
        let name = str::from_utf8(&entry.name).ok().filter(|name| !name.starts_with('.') && *name != "node_modules")?;
        Some((context.child(&entry.name), format!("{name}/node_modules")))
    }));
    for (folder, name) in packages {
        let folder_is_out = name.split_once('/').is_some_and(|(folder, _)| ignored.leaves_out(folder));
        if !folder_is_out && !ignored.leaves_out(&name) && has_packages(&folder)? {
            names.push("**/node_modules");
            break;
        }
    }
    Ok(names)
}

/// Whether the `.gitignore` beside the context expects local environment files.
fn git_ignores_environment(subject: &Subject<'_>) -> Result<bool, TreeError> {
    let path = subject.context.child(b".gitignore");
    if !subject.tree().entry(&path)?.is_some_and(|entry| matches!(entry.kind, EntryKind::File { .. })) {
        return Ok(false);
    }
    let text = subject.tree().read(&path)?;
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Ok(lines.any(|line| matches!(line, b".env" | b"/.env" | b".env*" | b"*.env" | b"**/.env" | b".env.local")))
}

/// Whether something that runs while the image is built may ask Git.
fn needs_git(subject: &Subject<'_>) -> bool {
    let mut runs = subject.steps().filter_map(|step| step.instruction.run());
    // In a substitution or a guess as well: `$(git describe)`.
    runs.any(|run| is_opaque(run) || run.commands.iter().any(|command| program(command).first() == Some(&"git")))
}

fn vcs_stamp(subject: &Subject<'_>, ignored: &Ignored, findings: &mut Findings<'_>) {
    if !subject.context.is_root() || ignored.leaves_out(".git") || needs_git(subject) {
        return;
    }
    let git = RepoPath::from_clean(b".git");
    for (step, command) in subject.builds() {
        let brings = std::iter::once(step).chain(subject.before(step)).find(|step| subject.step_brings(*step, &git));
        let ships = || stamps(subject, step, &command) && subject.ships(step, &command);
        let Some(brings) = brings.filter(|_| ships()) else { continue };
        let how = if context_copy(brings.instruction).is_some() { "copied" } else { "mounted" };
        findings.add(
            LintRule::VcsStamp,
            command.line,
            Advised {
                message: format!(
                    ".git is {how} at line {} and not left out, so `go {}` writes the commit into the binary",
                    brings.instruction.line, command.verb
                ),
                reason:
                    "the layer is built again for each commit and is never the same twice, even if no source of this \
                     program changed: nobody can tell from the image whether it has to be deployed"
                        .to_owned(),
                gain: "the same source gives the same image".to_owned(),
                fix: "add `.git` to .dockerignore, or `-buildvcs=false` here; the commit can be a label of the image"
                    .to_owned(),
            },
        );
    }
}

/// Whether a command finds Git and is not told to leave the commit out.
fn stamps(subject: &Subject<'_>, step: Step<'_>, command: &GoCommand<'_>) -> bool {
    if !matches!(command.flag("buildvcs"), Setting::Unset | Setting::Known("auto" | "true")) {
        return false;
    }
    // Files that are named have no version.
    let is_go_file = |path: &str| std::path::Path::new(path).extension().is_some_and(|extension| extension == "go");
    if command.arguments.iter().any(|word| is_go_file(&word.text)) {
        return false;
    }
    let image = subject.base_of(step.stage);
    let installs = || {
        let runs = subject.before(step).chain([step]).filter_map(|step| step.instruction.run());
        let mut words = runs.flat_map(commands).map(program).filter(|words| words.first() == Some(&"apk")).flatten();
        words.any(|word| word == "git")
    };
    image.kind() == Kind::Go && (!image.is_alpine() || installs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{findings, lines_with};

    const BUILD: &str = "RUN go build -o /a ./cmd/app\nFROM scratch\nCOPY --from=b /a /\n";

    #[track_caller]
    fn check(rule: LintRule, stage: &str, files: &str, expected: &[usize]) {
        let dockerfile = format!("FROM golang:1.24 AS b\n{stage}{BUILD}");
        assert_eq!(lines_with(rule, &dockerfile, files), expected, "{stage} {files}");
    }

    #[test]
    fn what_is_let_in_is_named() {
        let unwanted = |ignore: &str, files: &str| -> Option<String> {
            let files = format!("-- .dockerignore --\n{ignore}\n{files}");
            let dockerfile = format!("FROM golang:1.24 AS b\nCOPY . .\n{BUILD}");
            let found = findings(LintRule::LeakyDockerignore, &dockerfile, &files);
            Some(found.first()?.fix.rsplit_once(": ")?.1.to_owned())
        };
        assert_eq!(unwanted(".git", ""), None);
        assert_eq!(unwanted("bin", "").as_deref(), Some("`.git`"));
        assert_eq!(unwanted("*\n!cmd\n!go.*", ""), None);
        assert_eq!(unwanted(".git/*", ""), None);
        assert_eq!(unwanted(".git\n", "-- .env --\n").as_deref(), Some("`.env*`"));
        assert_eq!(unwanted(".git\n", "-- .env.local --\n").as_deref(), Some("`.env*`"));
        assert_eq!(unwanted(".git\n.env", "-- .env --\n"), None);
        assert_eq!(unwanted(".git\n", "-- .env.example --\n"), None);
        assert_eq!(unwanted(".git\n", "-- .gitignore --\n*.log\n.env\n").as_deref(), Some("`.env*`"));
        assert_eq!(unwanted(".git\n", "-- package.json --\n").as_deref(), Some("`**/node_modules`"));
        assert_eq!(unwanted(".git\n", "-- web/package.json --\n").as_deref(), Some("`**/node_modules`"));
        assert_eq!(unwanted(".git\nweb\n", "-- web/package.json --\n"), None);
        assert_eq!(unwanted(".git\n**/node_modules\n", "-- web/package.json --\n"), None);
    }

    #[test]
    fn a_dockerfile_may_have_an_ignore_file_of_its_own() {
        let check = |files: &str, expected| check(LintRule::LeakyDockerignore, "COPY . .\n", files, expected);
        check("-- Dockerfile.dockerignore --\nbin\n", &[2]);
        check("-- .dockerignore --\nbin\n-- Dockerfile.dockerignore --\n.git\n", &[]);
    }

    #[test]
    fn only_whole_contexts_bring_git() {
        let check =
            |stage: &str, expected| check(LintRule::LeakyDockerignore, stage, "-- .dockerignore --\nbin\n", expected);
        check("COPY . .\n", &[2]);
        check("COPY ./ /src/\n", &[2]);
        check("COPY --link . .\n", &[2]);
        check("COPY cmd cmd\nCOPY go.mod .\n", &[]);
        // What may ask Git has to have it.
        check("COPY . .\nRUN git describe >/v\n", &[]);
        check("COPY . .\nRUN make generate\n", &[]);
    }

    #[test]
    fn commits_are_not_stamped_into_binaries() {
        let check = |stage: &str, expected| {
            let dockerfile = format!("{stage}\nFROM scratch\nCOPY --from=b /a /\n");
            assert_eq!(lines_with(LintRule::VcsStamp, &dockerfile, "-- .dockerignore --\nbin\n"), expected, "{stage}");
        };
        check("FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /a ./cmd/app", &[3][..]);
        check("FROM golang:1.24 AS b\nRUN --mount=target=. go build -o /a ./cmd/app", &[2]);
        check("FROM golang:1.24 AS b\nCOPY .git .git\nRUN go build -o /a ./cmd/app", &[3]);
        check("FROM golang:1.24 AS b\nCOPY . .\nRUN go build -buildvcs=false -o /a ./cmd/app", &[]);
        check("FROM golang:1.24 AS b\nENV GOFLAGS=-buildvcs=false\nCOPY . .\nRUN go build -o /a ./cmd/app", &[]);
        check("FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /a cmd/app/main.go", &[]);
        check("FROM golang:1.24 AS b\nCOPY cmd cmd\nRUN go build -o /a ./cmd/app", &[]);
        // Without a `git` nothing is stamped.
        check("FROM golang:1.24-alpine AS b\nCOPY . .\nRUN go build -o /a ./cmd/app", &[]);
        check("FROM golang:1.24-alpine AS b\nRUN apk add --no-cache git\nCOPY . .\nRUN go build -o /a ./cmd/app", &[4]);
    }
}
