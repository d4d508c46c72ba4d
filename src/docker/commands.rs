//! Turns the commands of a Dockerfile into what they say about the Go build: targets and build tags.
//!
//! It takes no command's word for what is built: the answers serve to claim a Dockerfile and to doubt a tag.

use std::collections::BTreeSet;

use super::words::join;
use super::{Certainty, Dockerfile, RunWords, Word};

/// The build tags that a Dockerfile names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagMention {
    /// The tags after `-tags`, whether or not the command is reached.
    pub names: BTreeSet<String>,
    /// Whether there may be others: a variable or a substitution stands where tags are, or may be.
    pub unknowable: bool,
}

/// The flags of `go build` and `go install` whose value is the next word.
const FLAGS_WITH_VALUE: [&str; 20] = [
    "C",
    "asmflags",
    "buildmode",
    "compiler",
    "covermode",
    "coverpkg",
    "exec",
    "gccgoflags",
    "gcflags",
    "installsuffix",
    "ldflags",
    "mod",
    "modfile",
    "o",
    "overlay",
    "p",
    "pgo",
    "pkgdir",
    "tags",
    "toolexec",
];

impl Dockerfile {
    /// The tags after `-tags` in `RUN`, and in the values of `GOFLAGS`.
    pub fn build_tags(&self) -> TagMention {
        let mut mention = TagMention::default();
        for command in self.commands() {
            let mut words = command.words.iter();
            while let Some(word) = words.next() {
                match tags_flag(&word.text) {
                    Some(TagsFlag::WithValue(value)) => mention.add(value, word.certainty),
                    Some(TagsFlag::ValueFollows) => match words.next() {
                        Some(value) => mention.add(&value.text, value.certainty),
                        None => mention.unknowable = true,
                    },
                    None => {}
                }
            }
            mention.unknowable |= go_command(command).is_some_and(|go| go.has_unknown_flags);
        }
        for word in &self.go_flags {
            let mut flags = word.text.split_whitespace();
            while let Some(flag) = flags.next() {
                match tags_flag(flag) {
                    Some(TagsFlag::WithValue(value)) => mention.add(value, word.certainty),
                    Some(TagsFlag::ValueFollows) => mention.add(flags.next().unwrap_or_default(), word.certainty),
                    None => {}
                }
            }
            mention.unknowable |= word.certainty != Certainty::Certain;
        }
        mention
    }

    /// The packages, folders and files that `go build` and `go install` are given, in order and without repetition, as
    /// written but relative to the working directory where `cd` or `-C` or an absolute path is in the way.
    ///
    /// Words that name a version (`tool@v1.2.3`) or the standard library are left out. `.` stands for itself and for no
    /// package at all. What is not known stays as `${NAME}`.
    pub fn go_build_targets(&self) -> Vec<String> {
        self.targets_of(&["build", "install"])
    }

    /// The same for `go run` and `go generate`: what runs while the image is built.
    pub fn go_run_targets(&self) -> Vec<String> {
        self.targets_of(&["run", "generate"])
    }

    fn targets_of(&self, verbs: &[&str]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut targets = Vec::new();
        for go in self.commands().filter_map(go_command).filter(|go| verbs.contains(&go.verb)) {
            let here = [Word { text: ".".to_owned(), ..Word::default() }];
            // `go run` has one package; the rest are the arguments of the program.
            let count = if go.verb == "run" { 1 } else { usize::MAX };
            let packages: Vec<&Word> = if go.packages.is_empty() {
                here.iter().collect()
            } else {
                go.packages.into_iter().take(count).collect()
            };
            for package in packages.into_iter().filter(|word| looks_like_package(&word.text)) {
                let target = self.located(&package.text, &go.directory);
                if seen.insert(target.clone()) {
                    targets.push(target);
                }
            }
        }
        targets
    }

    fn located(&self, package: &str, directory: &str) -> String {
        let is_import_path = !package.starts_with(['.', '/']) && !is_go_file(package);
        if is_import_path || directory.is_empty() && !package.starts_with('/') {
            return package.to_owned();
        }
        let joined = join(directory, package);
        let relative = self.relative_forms(&joined).into_iter().next().unwrap_or(joined);
        match relative.as_str() {
            "" => ".".to_owned(),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            below => format!("./{below}"),
        }
    }

    /// The paths of the context that a path of the image or of the working directory may be.
    pub(super) fn relative_forms(&self, path: &str) -> Vec<String> {
        if !path.starts_with('/') {
            return vec![join("", path)];
        }
        let path = join("", path);
        let ends = path.char_indices().filter(|(_, character)| *character == '/').map(|(at, _)| at).skip(1);
        let ends = std::iter::once(1).chain(ends).chain([path.len()]);
        let roots = ends.filter(|end| path.get(..*end).is_some_and(|folder| self.roots.contains(folder)));
        // A working directory may lie in another, so more than one can be the root; few are enough.
        roots.take(4).filter_map(|end| Some(path.get(end..)?.trim_start_matches('/').to_owned())).collect()
    }
}

impl TagMention {
    fn add(&mut self, value: &str, certainty: Certainty) {
        let tags = value.split(|character: char| character == ',' || character.is_whitespace());
        let is_name = |tag: &&str| {
            !tag.is_empty() && tag.chars().all(|character| character.is_alphanumeric() || "_.".contains(character))
        };
        self.names.extend(tags.filter(is_name).map(str::to_owned));
        self.unknowable |= certainty != Certainty::Certain;
    }
}

/// How `-tags` is written.
enum TagsFlag<'a> {
    /// `-tags=value`
    WithValue(&'a str),
    /// `-tags`: the value is the next word.
    ValueFollows,
}

fn tags_flag(word: &str) -> Option<TagsFlag<'_>> {
    let rest = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?.strip_prefix("tags")?;
    match rest.strip_prefix('=') {
        Some(value) => Some(TagsFlag::WithValue(value)),
        None => rest.is_empty().then_some(TagsFlag::ValueFollows),
    }
}

/// Whether a flag of `go build` takes its value from the next word.
pub fn takes_value(name: &str) -> bool {
    FLAGS_WITH_VALUE.contains(&name)
}

struct GoCommand<'a> {
    verb: &'a str,
    directory: String,
    packages: Vec<&'a Word>,
    /// Whether a variable stands where flags may be.
    has_unknown_flags: bool,
}

/// `go VERB flags packages`, with anything before it (assignments, `env`, `sudo`, `then`).
fn go_command(command: &RunWords) -> Option<GoCommand<'_>> {
    let is_go = |word: &Word| word.text == "go" || word.text.ends_with("/go");
    let start = command.words.iter().position(is_go)?;
    let mut words = command.words.get(start + 1..)?.iter().filter(|word| !word.is_redirect).peekable();
    let mut directory = command.directory.to_string();
    let verb = words.next()?.text.as_str();
    if verb.starts_with('-') {
        return None;
    }
    let mut packages = Vec::new();
    let mut has_unknown_flags = false;
    while let Some(word) = words.next() {
        if let Some(flag) = word.text.strip_prefix('-') {
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, mut value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            if value.is_none() && takes_value(name) {
                value = words.next().map(|next| next.text.as_str());
            }
            if let (true, Some(folder)) = (name == "C", value) {
                directory = join(&directory, folder);
            }
        } else {
            has_unknown_flags |= word.text.starts_with("${");
            packages.push(word);
        }
    }
    let may_have_tags = ["build", "install", "generate", "run", "test", "list", "vet"].contains(&verb);
    Some(GoCommand { verb, directory, packages, has_unknown_flags: has_unknown_flags && may_have_tags })
}

pub(super) fn is_go_file(package: &str) -> bool {
    std::path::Path::new(package).extension().is_some_and(|extension| extension == "go")
}

fn looks_like_package(word: &str) -> bool {
    let is_path = word.starts_with(['.', '/']) || word.contains('/') || is_go_file(word);
    is_path && !word.contains('@') && !word.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_tags(dockerfile: &str, names: &[&str], unknowable: bool) {
        let mention = Dockerfile::parse(format!("FROM golang\n{dockerfile}").as_bytes()).build_tags();
        assert_eq!(mention.names.iter().map(String::as_str).collect::<Vec<_>>(), names);
        assert_eq!(mention.unknowable, unknowable);
    }

    #[test]
    fn tags_are_found_in_all_their_spellings() {
        check_tags("RUN go build ./x", &[], false);
        check_tags("RUN go build -tags netgo,osusergo -o /x ./x", &["netgo", "osusergo"], false);
        check_tags("RUN go build --tags=\"a b\" ./x", &["a", "b"], false);
        check_tags("RUN [\"go\", \"build\", \"-tags\", \"json\", \"./x\"]", &["json"], false);
        check_tags("ENV GOFLAGS=\"-mod=vendor -tags=static\"\nRUN go build", &["static"], false);
        check_tags("RUN GOFLAGS='-tags=x' go build", &["x"], false);
        check_tags("RUN <<EOF\ngo build -tags a .\nEOF", &["a"], false);
        check_tags("ENV T=e2e\nRUN go build -tags \"$T\" .", &["e2e"], false);
        check_tags("ENV F=\"-tags e2e\"\nRUN go build $F .", &["e2e"], false);
        check_tags("LABEL x=\"-tags no\"\nENV GOFLAGS=-mod=mod\nRUN go build -ldflags '-s -w'", &[], false);
    }

    #[test]
    fn tags_from_outside_are_unknowable() {
        check_tags("ARG T\nRUN go build -tags \"$T\" .", &[], true);
        check_tags("ARG T=dev\nRUN go build -tags \"$T,x\" .", &["dev", "x"], false);
        check_tags("RUN T=dev && go build -tags \"$T\" .", &["dev"], true);
        check_tags("RUN go build -tags $(cat tags) .", &[], true);
        check_tags("RUN go build $BUILDFLAGS ./x", &[], true);
        check_tags("ARG GOFLAGS\nRUN go build", &[], true);
        check_tags("RUN go build -o /out/$NAME ./cmd/$NAME", &[], false);
        check_tags("RUN go build -ldflags \"$LDFLAGS\" ./x", &[], false);
    }

    #[track_caller]
    fn check_targets(dockerfile: &str, expected: &[&str]) {
        let dockerfile = Dockerfile::parse(format!("ARG S=auth\nFROM golang\n{dockerfile}").as_bytes());
        assert_eq!(dockerfile.go_build_targets(), expected);
    }

    #[test]
    fn build_targets_are_found_in_shell_and_exec_form() {
        check_targets("RUN CGO_ENABLED=0 go build -ldflags='-s -w' -o /bin/auth ./cmd/auth", &["./cmd/auth"]);
        check_targets("RUN [\"go\", \"build\", \"-o\", \"./x/y\", \"cmd/auth/main.go\"]", &["cmd/auth/main.go"]);
        check_targets(
            "RUN [\"sh\", \"-c\", \"go build ./a && go install example.com/x/b\"]",
            &["./a", "example.com/x/b"],
        );
        check_targets("RUN go mod download \\\n && /usr/local/go/bin/go build -v ./a ./b >log 2>&1", &["./a", "./b"]);
        check_targets("RUN go install github.com/x/tool@latest\nRUN go vet ./... && go test ./...", &[]);
        check_targets("RUN <<EOF\nset -e\ngo build -o /x ./cmd/x\nEOF", &["./cmd/x"]);
    }

    #[test]
    fn build_targets_follow_variables_and_folders() {
        check_targets("ARG S\nRUN go build ./services/$S", &["./services/auth"]);
        check_targets("RUN go build ./services/${S}", &["./services/${S}"]);
        check_targets("RUN cd services/auth && go build -o /auth .", &["./services/auth"]);
        check_targets("RUN go build -C services/auth", &["./services/auth"]);
        check_targets("WORKDIR /src\nRUN go build /src/cmd/auth", &["./cmd/auth"]);
        check_targets("RUN go build -o /auth", &["."]);
        check_targets("RUN go build -o /auth . && go build .", &["."]);
    }

    #[test]
    fn run_targets_are_apart() {
        let dockerfile = Dockerfile::parse(b"FROM a\nRUN go run ./tools/gen ./x && go build ./y");
        assert_eq!(dockerfile.go_run_targets(), ["./tools/gen"]);
        assert_eq!(dockerfile.go_build_targets(), ["./y"]);
    }
}
