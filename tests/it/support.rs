//! A repository in a temporary folder and the program run in it, so that a test reads like a story: copy a tree, change
//! it, plan. Nothing of the user's Git configuration or environment reaches it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Variables of the machine that would change what Git or the program does.
const STRIPPED: [&str; 13] = [
    "CI",
    "TF_BUILD",
    "BUILDPLAN_BASE",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_CEILING_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// The same by how their names start: what CI providers set.
const STRIPPED_FROM: [&str; 12] = [
    "GITHUB_",
    "GITLAB_",
    "CI_",
    "BUILDKITE",
    "CIRCLE",
    "BUILD_",
    "SYSTEM_",
    "JENKINS_",
    "CHANGE_",
    "BRANCH_",
    "TAG_",
    "GIT_",
];

/// A repository that vanishes with the test.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    dir: PathBuf,
}

impl Sandbox {
    /// A repository on the unborn branch `main`, without files.
    pub(crate) fn empty() -> Self {
        Self::with_format("sha1")
    }

    /// The same with object ids of that format.
    pub(crate) fn with_format(format: &str) -> Self {
        let sandbox = Self::folder();
        sandbox.git(["init", "--quiet", "--object-format", format]);
        // libgit2 reads the user's own files as well; what they say must not reach the tests.
        for key in ["core.excludesfile", "core.attributesfile"] {
            sandbox.git(["config", key, "none"]);
        }
        sandbox
    }

    /// A folder that is no repository.
    pub(crate) fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().canonicalize().unwrap().join("repository");
        fs::create_dir(&dir).unwrap();
        Self { folder, dir }
    }

    /// A repository whose only commit is a tree of `testdata/`.
    pub(crate) fn copy_of(tree: &str) -> Self {
        Self::empty().with_tree(tree)
    }

    /// With a commit of a tree of `testdata/`.
    pub(crate) fn with_tree(self, tree: &str) -> Self {
        let sandbox = self;
        copy(&testdata().join(tree), &sandbox.dir);
        sandbox.commit("base");
        sandbox
    }

    /// A clone in a folder of that name beside this one.
    pub(crate) fn clone_as(&self, name: &str, options: &[&str]) -> Self {
        let url = format!("file://{}", self.dir.display());
        let clone = tempfile::tempdir().unwrap();
        let dir = clone.path().canonicalize().unwrap().join(name);
        self.git(["clone", "--quiet"].iter().chain(options).copied().chain([&*url, dir.to_str().unwrap()]));
        Self { folder: clone, dir }
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path beside the repository, which vanishes with it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn path(&self, path: impl AsRef<[u8]>) -> PathBuf {
        self.dir.join(OsStr::from_bytes(path.as_ref()))
    }

    /// Writes a file and the folders above it.
    #[track_caller]
    pub(crate) fn write(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    /// The text of a file.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Changes a file in a way that means nothing: a line at its end, which is a comment in Go, C, YAML and go.mod.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str) -> &Self {
        let mark = match Path::new(path).extension().and_then(OsStr::to_str) {
            Some("go" | "mod" | "work" | "s" | "c" | "h" | "inc") => "// changed\n",
            _ => "# changed\n",
        };
        self.write(path, self.read(path) + mark)
    }

    /// Replaces a text that must be there.
    #[track_caller]
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) -> &Self {
        let text = self.read(path);
        assert!(text.contains(from), "{path} does not contain {from:?}");
        self.write(path, text.replace(from, to))
    }

    /// Removes a file or a folder.
    #[track_caller]
    pub(crate) fn remove(&self, path: &str) -> &Self {
        let path = self.path(path);
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.unwrap();
        self
    }

    /// Moves a file or a folder.
    #[track_caller]
    pub(crate) fn rename(&self, from: &str, to: &str) -> &Self {
        let target = self.path(to);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(self.path(from), target).unwrap();
        self
    }

    /// Makes a symlink, replacing what is there.
    #[track_caller]
    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        let link = self.path(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, link).unwrap();
        self
    }

    /// Sets or clears the executable bits.
    #[track_caller]
    pub(crate) fn set_executable(&self, path: &str, executable: bool) -> &Self {
        use std::os::unix::fs::PermissionsExt;

        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Commits everything that is not ignored; every commit is a minute younger than the one before.
    #[track_caller]
    pub(crate) fn commit(&self, message: &str) -> &Self {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
        self
    }

    /// Runs `git`, which must succeed, and returns what it printed, without the last line end.
    #[track_caller]
    pub(crate) fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let log = fs::read(self.dir.join(".git/logs/HEAD")).unwrap_or_default();
        let date = format!("{} +0000", 1_700_000_000 + 60 * log.split(|byte| *byte == b'\n').count());
        let mut command = Command::new("git");
        isolate(&mut command).current_dir(&self.dir).env("LC_ALL", "C");
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        for setting in [
            "user.name=Test",
            "user.email=test@example.com",
            "commit.gpgsign=false",
            "init.defaultBranch=main",
            "core.autocrlf=false",
            "protocol.file.allow=always",
        ] {
            command.args(["-c", setting]);
        }
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The program, to be run in this repository with whatever is added.
    pub(crate) fn program(&self) -> Command {
        self.program_of(env!("CARGO_BIN_EXE_buildplan"))
    }

    /// Another program, likewise.
    pub(crate) fn program_of(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        isolate(&mut command).current_dir(&self.dir);
        command
    }

    /// Runs the program in this repository.
    #[track_caller]
    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        Run::of(self.program().args(arguments))
    }

    /// The plan of the working copy against `HEAD`, or whatever the arguments ask for instead.
    #[track_caller]
    pub(crate) fn plan<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Plan {
        Plan::of(self.program().args(["plan", "-o", "json"]).args(arguments))
    }
}

/// Takes the machine's own settings from the environment of a command.
fn isolate(command: &mut Command) -> &mut Command {
    for name in STRIPPED {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if STRIPPED_FROM.iter().any(|start| name.as_bytes().starts_with(start.as_bytes())) {
            command.env_remove(name);
        }
    }
    // libgit2 knows nothing of these two variables, but it looks for the user's files below the home folder.
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1")
}

/// Where the trees are.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// The names of all trees, sorted.
pub(crate) fn trees() -> Vec<String> {
    let entries = fs::read_dir(testdata()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies what is in a folder into another one.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A text without the ids of commits and the like, which say nothing and change with every tree.
pub(crate) fn without_ids(text: &str) -> String {
    let mut clean = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        let is_id =
            matches!(word.len(), 12 | 40 | 64) && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        clean.push_str(if is_id { "ID" } else { &word });
        clean.extend((character != '\0').then_some(character));
        word.clear();
    }
    clean
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What was printed by a run that ended well and said nothing else.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// What a check found that ended with status 1 and printed no data.
    #[track_caller]
    pub(crate) fn finding(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{}", self.stderr);
        self.stderr
    }

    /// What a run complained of that failed with status 2 and printed no data.
    #[track_caller]
    pub(crate) fn failure(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        self.stderr
    }
}

/// A plan as JSON.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan(pub(crate) Value);

impl Plan {
    #[track_caller]
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(serde_json::from_str(&Run::of(command).success()).unwrap())
    }

    /// The base: its source, its revision, and whether it is a merge base.
    #[track_caller]
    pub(crate) fn base(&self) -> String {
        let base = &self.0["base"];
        let merge_base = if base["merge_base"] == true { " merge-base" } else { "" };
        format!("{} {}{merge_base}", base["source"].as_str().unwrap(), base["rev"].as_str().unwrap())
    }

    /// The names of all services.
    pub(crate) fn services(&self) -> Vec<&str> {
        self.services_where(|_| true)
    }

    /// The names of the services that are built.
    pub(crate) fn built(&self) -> Vec<&str> {
        self.services_where(|service| service["decision"] == "build")
    }

    fn services_where(&self, wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
        let services = self.0["services"].as_array().unwrap().iter();
        services.filter(|service| wanted(service)).map(|service| service["name"].as_str().unwrap()).collect()
    }

    /// One service.
    #[track_caller]
    pub(crate) fn service(&self, name: &str) -> &Value {
        let mut services = self.0["services"].as_array().unwrap().iter();
        services.find(|service| service["name"] == name).unwrap()
    }

    /// The fingerprint of a service; empty if it has none.
    #[track_caller]
    pub(crate) fn fingerprint(&self, name: &str) -> String {
        self.service(name)["fingerprint"].as_str().unwrap_or_default().to_owned()
    }

    /// The kinds of the notes, each once.
    pub(crate) fn note_kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> =
            self.0["notes"].as_array().unwrap().iter().map(|note| note["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The ids of the steps, each with what it needs.
    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = self.0["steps"].as_array().unwrap().iter();
        let shown = steps.map(|step| {
            let needs: Vec<&str> = step["needs"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
            format!("{} {}", step["id"].as_str().unwrap(), needs.join(" ")).trim_end().to_owned()
        });
        shown.collect()
    }

    /// Every service that is built with all its reasons, and what was removed, one fact a line.
    pub(crate) fn story(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in self.built() {
            for reason in self.service(name)["reasons"].as_array().unwrap() {
                lines.push(format!("{name}: {}", shown_reason(reason)));
            }
        }
        let removed = self.0["removed"].as_array().unwrap().iter();
        lines.extend(removed.map(|name| format!("removed: {}", name.as_str().unwrap())));
        lines
    }
}

/// A reason as text: its kind, what it is about, and the chain of imports by their last elements.
fn shown_reason(reason: &Value) -> String {
    let text = |key: &str| reason[key].as_str();
    let mut words = vec![text("kind").unwrap().to_owned()];
    let subject = ["path", "module", "import", "subject"].into_iter().find_map(text);
    words.extend(subject.map(ToOwned::to_owned));
    words.extend(text("status").map(ToOwned::to_owned));
    words.extend((text("at") == Some("base")).then(|| "(at base)".to_owned()));
    if reason["from"].is_string() || reason["to"].is_string() {
        words.push(format!("{:?} -> {:?}", text("from").unwrap_or_default(), text("to").unwrap_or_default()));
    }
    words.extend(text("target").map(|target| format!("on {target}")));
    let chain: Vec<&str> = reason["chain"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|path| path.as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    if !chain.is_empty() {
        words.push(format!("via {}", chain.join(" > ")));
    }
    words.join(" ")
}
