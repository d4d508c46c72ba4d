//! Turns the texts beside this file into cases: a Dockerfile with its context, what is changed there, and which builds
//! are in vain.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The changes that a case can name; `replace` is the last.
const CHANGES: [&str; 5] = ["add", "delete", "executable", "link", "replace"];
/// The module of a tree without one.
const MODULE: &str = "module ex.io/m\n\ngo 1.24\n";

/// What is added to a file without a mark if a line with `#` would mean something there.
const COMMENT: &str = "// changed\n";
/// A line of go.sum that nothing asks for.
const SUM: &str = "ex.io/unused v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// Files and links by their paths.
pub(super) type Files = BTreeMap<String, Node>;

/// What a path of the context is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Node {
    File { content: Vec<u8>, is_executable: bool },
    Link(String),
}

/// A Dockerfile and its context.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) dockerfile: String,
    pub(super) context: String,
    pub(super) target: Option<String>,
    pub(super) arguments: Vec<String>,
    /// The name of an image and the Dockerfile that makes it.
    pub(super) image: Option<(String, String)>,
    /// A flag that not every frontend knows.
    pub(super) flag: Option<String>,
    pub(super) tree: Files,
    pub(super) changes: Vec<Change>,
    /// Changes that are planned in vain, each with the reason.
    pub(super) vain: BTreeMap<String, String>,
    package: String,
    config: String,
}

/// A change of one path.
pub(super) struct Change {
    pub(super) label: String,
    pub(super) path: String,
    /// `None`: it is deleted.
    pub(super) to: Option<Node>,
    /// Whether it is the change that every file gets.
    pub(super) is_edit: bool,
}

impl Change {
    /// Whether a build that fails is a difference, and no mistake of the case.
    pub(super) fn may_break(&self) -> bool {
        self.to.is_none()
    }
}

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/judge");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.split("\n=== ").skip(1).map(Case::parse).collect::<Vec<_>>()).collect()
}

impl Case {
    fn parse(text: &str) -> Self {
        let (head, tree) = text.split_once("\n-- ").unwrap();
        let (title, verbs) = head.split_once('\n').unwrap_or((head, ""));
        let (name, says) = title.split_once(' ').unwrap();
        let mut case = Self {
            name: name.to_owned(),
            says: says.to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            context: ".".to_owned(),
            target: None,
            arguments: Vec::new(),
            image: None,
            flag: None,
            tree: files(&format!("-- {tree}")),
            changes: Vec::new(),
            vain: BTreeMap::new(),
            package: "cmd/app".to_owned(),
            config: String::new(),
        };
        let mut changes = Vec::new();
        for line in verbs.lines() {
            let (verb, rest) = line.split_once(": ").unwrap();
            if verb == "change" {
                changes.push(rest);
            } else {
                case.set(verb, rest);
            }
        }
        let is_module = |path: &String| path.ends_with("go.mod") || path.ends_with("go.work");
        if case.package != "-" && !case.tree.keys().any(is_module) {
            case.tree.insert("go.mod".to_owned(), Node::text(MODULE));
        }
        case.changes = case.tree.iter().filter_map(|(path, node)| edit(path, node)).collect();
        case.changes.extend(changes.into_iter().map(|text| case.change(text)).collect::<Vec<_>>());
        case
    }

    fn set(&mut self, verb: &str, rest: &str) {
        match verb {
            "package" => rest.clone_into(&mut self.package),
            "dockerfile" => rest.clone_into(&mut self.dockerfile),
            "context" => rest.clone_into(&mut self.context),
            "target" => self.target = Some(rest.to_owned()),
            "image" => {
                let (name, dockerfile) = rest.split_once(' ').unwrap();
                self.image = Some((name.to_owned(), dockerfile.to_owned()));
            }
            "flag" => self.flag = Some(rest.to_owned()),
            "argument" => self.arguments.push(rest.to_owned()),
            "config" => writeln!(self.config, "{rest}").unwrap(),
            "executable" => rest.split(' ').for_each(|path| {
                let node = self.tree.get_mut(path).unwrap();
                *node = node.executable();
            }),
            "archive" => {
                let (file, folder) = rest.split_once(' ').unwrap();
                let content = archive(&self.tree, folder);
                self.tree.insert(file.to_owned(), Node::File { content, is_executable: false });
            }
            "vain" => {
                let (labels, reason) = rest.split_once(": ").unwrap();
                let labels = labels.split(", ").map(|label| (label.to_owned(), reason.to_owned()));
                self.vain.extend(labels);
            }
            _ => assert_eq!(verb, "a verb", "{}", self.name),
        }
    }

    fn change(&self, text: &str) -> Change {
        let (verb, rest) = text.split_once(' ').unwrap();
        let (path, arguments) = rest.split_once(' ').unwrap_or((rest, ""));
        assert!(CHANGES.contains(&verb), "{}: {text}", self.name);
        let to = match verb {
            "add" => Some(Node::text(&self.added(path))),
            "delete" => None,
            "executable" => Some(self.tree[path].executable()),
            "link" => Some(Node::Link(arguments.strip_prefix("-> ").unwrap().to_owned())),
            _ => {
                let (from, to) = arguments.split_once(" => ").unwrap();
                let old = self.tree[path].as_text();
                assert!(old.contains(from), "{}: {text}", self.name);
                Some(Node::text(&old.replace(from, to)))
            }
        };
        assert!(self.tree.get(path) != to.as_ref(), "{}: {text}", self.name);
        Change { label: text.to_owned(), path: path.to_owned(), to, is_edit: false }
    }

    /// The text of a new file: in Go it is of the package of its folder, and prints something.
    fn added(&self, path: &str) -> String {
        if !is_go(path) {
            return "added\n".to_owned();
        }
        let folder = Path::new(path).parent();
        let is_beside = |other: &str| is_go(other) && Path::new(other).parent() == folder;
        let sibling = self.tree.iter().find(|(other, _)| is_beside(other)).map(|(_, node)| node.as_text());
        let package = sibling.as_deref().and_then(|text| text.lines().find(|line| line.starts_with("package ")));
        format!("{}\n\nfunc init() {{ println(\"added\") }}\n", package.unwrap_or("package added"))
    }

    /// The `build-plan.toml`.
    pub(super) fn configuration(&self) -> String {
        let mut text = String::from("version = 1\n\n[services.app]\n");
        for (key, value) in [("package", &self.package), ("dockerfile", &self.dockerfile), ("context", &self.context)] {
            if value != "-" {
                writeln!(text, "{key} = {value:?}").unwrap();
            }
        }
        if self.target.is_some() || !self.arguments.is_empty() {
            text.push_str("\n[services.app.image]\n");
        }
        if let Some(target) = &self.target {
            writeln!(text, "target = {target:?}").unwrap();
        }
        if !self.arguments.is_empty() {
            let pairs = self.arguments.iter().map(|argument| argument.split_once('=').unwrap());
            let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name} = {value:?}")).collect();
            writeln!(text, "build-args = {{ {} }}", pairs.join(", ")).unwrap();
        }
        text + "\n" + &self.config
    }

    /// Whether it is a change of the Dockerfile or of the file that leaves things out of its context.
    pub(super) fn is_recipe(&self, change: &Change) -> bool {
        let own = format!("{}.dockerignore", self.dockerfile);
        let of_context = match self.context.as_str() {
            "." => ".dockerignore".to_owned(),
            folder => format!("{folder}/.dockerignore"),
        };
        let ignore = if self.tree.contains_key(&own) { own } else { of_context };
        change.path == self.dockerfile || change.path == ignore
    }

    pub(super) fn dockerfile_text(&self) -> String {
        self.tree[&self.dockerfile].as_text()
    }
}

impl Node {
    fn text(text: &str) -> Self {
        Self::File { content: text.as_bytes().to_owned(), is_executable: false }
    }

    fn as_text(&self) -> String {
        match self {
            Self::File { content, .. } => String::from_utf8_lossy(content).into_owned(),
            Self::Link(target) => target.clone(),
        }
    }

    fn executable(&self) -> Self {
        Self::File { content: self.as_text().into_bytes(), is_executable: true }
    }
}

/// The change that every file gets; links have none.
fn edit(path: &str, node: &Node) -> Option<Change> {
    let Node::File { content, is_executable } = node else { return None };
    let mut content = content.clone();
    let mut is_marked = false;
    for at in 1..content.len() {
        if &content[at - 1..=at] == b"@1" {
            content[at] = b'2';
            is_marked = true;
        }
    }
    assert!(is_marked || !is_go(path), "{path} has no mark, so that its change would change nothing");
    if !is_marked {
        let addition = match path.rsplit_once('.') {
            Some((_, "mod" | "work" | "s" | "h")) => COMMENT,
            Some((_, "sum")) => SUM,
            _ => "# changed\n",
        };
        content.extend_from_slice(addition.as_bytes());
    }
    let to = Some(Node::File { content, is_executable: *is_executable });
    Some(Change { label: path.to_owned(), path: path.to_owned(), to, is_edit: true })
}

fn is_go(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "go")
}

/// The files of a text in the `txtar` format.
fn files(text: &str) -> Files {
    let mut files = Files::new();
    let mut current: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let header = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        if let Some(header) = header {
            let (path, node) = match header.split_once(" -> ") {
                Some((path, target)) => (path, Node::Link(target.to_owned())),
                None => (header, Node::text("")),
            };
            files.insert(path.to_owned(), node);
            current = Some(path.to_owned());
        } else if let Some(Node::File { content, .. }) = current.as_ref().and_then(|path| files.get_mut(path)) {
            content.extend_from_slice(line.as_bytes());
        }
    }
    files
}

/// A tar archive of a folder of a tree.
fn archive(tree: &Files, folder: &str) -> Vec<u8> {
    let root = tempfile::tempdir().unwrap();
    write_tree(root.path(), tree);
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--format=ustar", "--directory"]);
    let output = command.arg(root.path().join(folder)).arg(".").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Writes all files.
pub(super) fn write_tree(root: &Path, tree: &Files) {
    fs::create_dir_all(root).unwrap();
    for (path, node) in tree {
        put(root, path, Some(node));
    }
}

/// Makes a path what it shall be; folders without files vanish, as they do in Git.
pub(super) fn put(root: &Path, path: &str, node: Option<&Node>) {
    let file = root.join(path);
    let _ = fs::remove_file(&file);
    match node {
        None => {
            let above = file.ancestors().skip(1).take_while(|folder| *folder != root);
            let _ = above.map(fs::remove_dir).take_while(Result::is_ok).count();
        }
        Some(node) => {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match node {
                Node::Link(target) => symlink(target, &file).unwrap(),
                Node::File { content, is_executable } => {
                    fs::write(&file, content).unwrap();
                    let mode = if *is_executable { 0o755 } else { 0o644 };
                    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                }
            }
        }
    }
}
