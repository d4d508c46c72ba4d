//! Turns a `//go:embed` pattern into the files of a tree that it embeds. It never reads a file, and where Go would fail
//! or nobody can know, it names all that the pattern could touch.

use std::collections::BTreeSet;

use super::path_match::path_match;
use crate::repo::{Entry, EntryKind, RepoPath, Tree, TreeError, find_entry, read_through_links};

/// What a pattern matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbedMatch {
    /// The files, sorted. With a problem: all that the pattern could touch, links and submodules among them.
    pub files: Vec<RepoPath>,
    /// Why Go rejects the pattern, or what cannot be known about it.
    pub problem: Option<String>,
    /// Whether a link was met: then the match can change although no folder that was searched does.
    pub has_links: bool,
}

/// The files that a pattern embeds into a package: `resolveEmbed` of `cmd/go` for one pattern, as it stands behind
/// `//go:embed` (with `all:`, if it has it).
///
/// # Errors
/// [`TreeError`] if a folder cannot be listed.
pub fn embed_files(tree: &dyn Tree, folder: &RepoPath, pattern: &str) -> Result<EmbedMatch, TreeError> {
    let (glob, all) = pattern.strip_prefix("all:").map_or((pattern, false), |glob| (glob, true));
    let root = folder.clone();
    let mut search =
        Search { tree, root, all, files: BTreeSet::new(), problem: None, own: BTreeSet::new(), has_links: false };
    let elements: Vec<&[u8]> = glob.split('/').map(str::as_bytes).collect();
    if path_match(glob.as_bytes(), b"").is_err() || !is_valid_path(&elements) {
        search.complain("invalid pattern syntax".into());
        return Ok(search.finish());
    }
    let Ok(Some((real, EntryKind::Folder))) = read_through_links(tree, folder)? else {
        search.complain(format!("{folder} is no folder of the repository"));
        return Ok(search.finish());
    };
    search.root = real;
    if glob.len() > MAX_PATTERN {
        search.complain("the pattern is too long to be matched".into());
        search.take_everything(search.root.clone(), EntryKind::Folder)?;
        return Ok(search.finish());
    }
    let matches = search.glob(&elements)?;
    if matches.is_empty() && search.problem.is_none() {
        search.complain("no matching files found".into());
    }
    for found in matches {
        search.take(found)?;
    }
    Ok(search.finish())
}

/// `fs.ValidPath`, for a pattern that is not `.`, and the elements well formed on their own.
fn is_valid_path(elements: &[&[u8]]) -> bool {
    elements.iter().all(|element| !matches!(*element, b"" | b"." | b"..") && path_match(element, b"").is_ok())
}

/// No longer pattern is matched: that bounds the work that hostile source can cause.
const MAX_PATTERN: usize = 4096;

/// One path that the elements of the pattern read so far match.
#[derive(Clone, Debug)]
struct Found {
    /// The path as the pattern says it.
    path: RepoPath,
    /// Where it really is; the same, unless a link is on the way.
    real: RepoPath,
    kind: EntryKind,
    /// The first link on the way.
    link: Option<RepoPath>,
}

struct Search<'a> {
    tree: &'a dyn Tree,
    root: RepoPath,
    all: bool,
    files: BTreeSet<RepoPath>,
    problem: Option<String>,
    /// Folders that are known to belong to the module of the package.
    own: BTreeSet<RepoPath>,
    has_links: bool,
}

impl Search<'_> {
    fn finish(self) -> EmbedMatch {
        EmbedMatch { files: self.files.into_iter().collect(), problem: self.problem, has_links: self.has_links }
    }

    fn complain(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    fn glob(&mut self, elements: &[&[u8]]) -> Result<Vec<Found>, TreeError> {
        let root = Found { path: self.root.clone(), real: self.root.clone(), kind: EntryKind::Folder, link: None };
        let mut level = vec![root];
        for element in elements {
            let mut next = Vec::new();
            // Links can lead to one folder in many ways, and in circles: one way is enough to reject the pattern.
            let mut seen = BTreeSet::new();
            for found in level {
                let Some(folder) = self.enter(found)? else { continue };
                let matched = self.match_element(&folder, element)?;
                next.extend(
                    matched.into_iter().filter(|found| found.link.is_none() || seen.insert(found.real.clone())),
                );
            }
            level = next;
        }
        Ok(level)
    }

    /// The folder that a match is or links to; `None` if it is none.
    fn enter(&mut self, mut found: Found) -> Result<Option<Found>, TreeError> {
        match found.kind {
            EntryKind::Folder => return Ok(Some(found)),
            EntryKind::File { .. } => return Ok(None),
            EntryKind::Submodule => {
                self.doubt(&found.path, "is a submodule, whose files cannot be seen");
                return Ok(None);
            }
            EntryKind::Symlink => self.has_links = true,
        }
        match read_through_links(self.tree, &found.real)? {
            Ok(Some((real, EntryKind::Folder))) => {
                let link = found.link.unwrap_or_else(|| found.path.clone());
                found = Found { path: found.path, real, kind: EntryKind::Folder, link: Some(link) };
                Ok(Some(found))
            }
            Ok(Some((_, EntryKind::Submodule))) | Err(_) => {
                self.doubt(&found.path, "is a link to where nothing can be seen");
                Ok(None)
            }
            Ok(_) => Ok(None),
        }
    }

    fn doubt(&mut self, path: &RepoPath, what: &str) {
        self.files.insert(path.clone());
        self.complain(format!("{path} {what}"));
    }

    fn match_element(&self, folder: &Found, element: &[u8]) -> Result<Vec<Found>, TreeError> {
        let Some(listing) = self.tree.list(&folder.real)? else { return Ok(Vec::new()) };
        let found = |entry: &Entry| Found {
            path: folder.path.child(&entry.name),
            real: folder.real.child(&entry.name),
            kind: entry.kind,
            link: folder.link.clone(),
        };
        if !element.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\')) {
            return Ok(find_entry(&listing, element).map(found).into_iter().collect());
        }
        Ok(listing.iter().filter(|entry| path_match(element, &entry.name).unwrap_or(false)).map(found).collect())
    }

    /// Adds what one match of the whole pattern embeds.
    fn take(&mut self, found: Found) -> Result<(), TreeError> {
        if let Some(problem) = self.reject(&found)? {
            self.complain(problem);
            return match found.link {
                // That a link is on the way is enough for Go, whatever lies below it.
                Some(link) => {
                    self.files.insert(link);
                    Ok(())
                }
                None => self.take_everything(found.real, found.kind),
            };
        }
        match found.kind {
            EntryKind::File { .. } => _ = self.files.insert(found.path),
            EntryKind::Folder => self.take_folder(&found.path)?,
            EntryKind::Submodule => self.doubt(&found.path, "is a submodule, whose files cannot be seen"),
            EntryKind::Symlink => {
                self.has_links = true;
                self.complain(format!("cannot embed irregular file {}", self.relative(&found.path)));
                // GODEBUG=embedfollowsymlinks=1 reads what the link names.
                if let Ok(Some((target, EntryKind::File { .. }))) = read_through_links(self.tree, &found.path)? {
                    self.files.insert(target);
                }
                self.files.insert(found.path);
            }
        }
        Ok(())
    }

    /// Why Go does not embed a match, judged by the path that leads to it.
    fn reject(&mut self, found: &Found) -> Result<Option<String>, TreeError> {
        let relative = self.relative(&found.path);
        if let Some(link) = &found.link {
            return Ok(Some(format!("cannot embed {relative}: in non-directory {}", self.relative(link))));
        }
        let root = self.root.clone();
        let above = found.path.ancestors().take_while(|folder| folder.is_within(&root) && *folder != root);
        for path in std::iter::once(found.path.clone()).chain(above) {
            if self.own.contains(&path) {
                break;
            }
            let is_folder = path != found.path || found.kind == EntryKind::Folder;
            if is_folder && self.begins_module(&path)? {
                return Ok(Some(format!("cannot embed {relative}: in different module")));
            }
            if is_bad_name(path.name()) {
                return Ok(Some(format!("cannot embed {relative}: invalid name {}", self.relative(&path))));
            }
            if is_folder {
                self.own.insert(path);
            }
        }
        Ok(None)
    }

    /// Whether a folder holds something named `go.mod`, which may be a folder, but not a link to nothing.
    fn begins_module(&mut self, folder: &RepoPath) -> Result<bool, TreeError> {
        let path = folder.child(b"go.mod");
        match self.tree.entry(&path)?.map(|entry| entry.kind) {
            None => Ok(false),
            // A link out of the repository is taken to lead somewhere on the builder.
            Some(EntryKind::Symlink) => {
                self.has_links = true;
                Ok(!matches!(read_through_links(self.tree, &path)?, Ok(None)))
            }
            Some(_) => Ok(true),
        }
    }

    /// Adds the files below a folder, except hidden ones, links and other modules.
    fn take_folder(&mut self, folder: &RepoPath) -> Result<(), TreeError> {
        let mut taken = false;
        let mut pending = vec![folder.clone()];
        while let Some(folder) = pending.pop() {
            for entry in self.tree.list(&folder)?.iter().flat_map(|listing| listing.iter()) {
                let path = folder.child(&entry.name);
                let hidden = matches!(entry.name.first(), Some(b'.' | b'_'));
                let bad = is_bad_name(&entry.name);
                match entry.kind {
                    EntryKind::Symlink if !bad || hidden => {}
                    _ if hidden && (bad || !self.all) => {}
                    EntryKind::Folder if bad || self.begins_module(&path)? => {}
                    EntryKind::Folder => pending.push(path),
                    EntryKind::Submodule if bad => {}
                    _ => {
                        if bad {
                            self.complain(format!("cannot embed file {}: invalid name", self.relative(&path)));
                        }
                        taken = true;
                        self.has_links |= entry.kind == EntryKind::Symlink;
                        self.files.insert(path);
                    }
                }
            }
        }
        if !taken {
            self.complain(format!("cannot embed directory {}: contains no embeddable files", self.relative(folder)));
            self.take_everything(folder.clone(), EntryKind::Folder)?;
        }
        Ok(())
    }

    /// Adds all that is at or below a path.
    fn take_everything(&mut self, path: RepoPath, kind: EntryKind) -> Result<(), TreeError> {
        let mut pending = vec![(path, kind)];
        while let Some((path, kind)) = pending.pop() {
            if kind != EntryKind::Folder {
                self.has_links |= kind == EntryKind::Symlink;
                self.files.insert(path);
                continue;
            }
            let listing = self.tree.list(&path)?;
            pending.extend(listing.iter().flat_map(|l| l.iter()).map(|e| (path.child(&e.name), e.kind)));
        }
        Ok(())
    }

    fn relative(&self, path: &RepoPath) -> RepoPath {
        RepoPath::from_clean(path.strip_prefix(&self.root).unwrap_or(path.as_bytes()))
    }
}

/// Names that no module can hold: `module.CheckFilePath` of `golang.org/x/mod`, and the folders of version control.
fn is_bad_name(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return true };
    let stem = name.split('.').next().unwrap_or_default();
    matches!(name, "" | ".bzr" | ".hg" | ".git" | ".svn")
        || name.ends_with('.')
        || !name.chars().all(is_name_character)
        || is_windows_device(stem)
}

/// Letters beyond ASCII are those of this program's Unicode and include some marks that Go rejects.
fn is_name_character(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric() || "!#$%&()+,-.=@[]^_{}~ ".contains(character)
    } else {
        character.is_alphabetic()
    }
}

fn is_windows_device(stem: &str) -> bool {
    let upper = stem.to_ascii_uppercase();
    match upper.as_bytes() {
        b"CON" | b"PRN" | b"AUX" | b"NUL" => true,
        [b'C', b'O', b'M', digit] | [b'L', b'P', b'T', digit] => matches!(digit, b'1'..=b'9'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    fn matched(tree: &MemoryTree, pattern: &str) -> (Vec<String>, Option<String>) {
        let found = embed_files(tree, &RepoPath::from_clean(b"p"), pattern).unwrap();
        (found.files.iter().map(|path| path.to_string().replacen("p/", "", 1)).collect(), found.problem)
    }

    #[track_caller]
    fn check(tree: &str, pattern: &str, expected: &[&str]) {
        assert_eq!(
            matched(&MemoryTree::from_txtar(tree), pattern),
            (expected.iter().map(|&f| f.to_owned()).collect(), None)
        );
    }

    #[track_caller]
    fn check_problem(tree: &str, pattern: &str, problem: &str, files: &[&str]) {
        let expected = (files.iter().map(|&f| f.to_owned()).collect(), Some(problem.to_owned()));
        assert_eq!(matched(&MemoryTree::from_txtar(tree), pattern), expected);
    }

    const SUB: &str = "\
-- p/sub/x.txt --
-- p/sub/.h --
-- p/sub/_u --
-- p/sub/_dir/z --
-- p/sub/.dotdir/z --
-- p/sub/.git/c --
-- p/sub/nested/go.mod --
-- p/sub/nested/n --
-- p/sub/lnk -> ../.. --
-- p/sub/testdata/t --
-- p/sub/vendor/v --
-- p/sub/a.go --
-- p/sub/a_test.go --
";

    #[test]
    fn e01_a_folder_embeds_its_visible_files() {
        check(SUB, "sub", &["sub/a.go", "sub/a_test.go", "sub/testdata/t", "sub/vendor/v", "sub/x.txt"]);
    }

    #[test]
    fn e02_all_embeds_hidden_files_too() {
        let all = ["sub/.dotdir/z", "sub/.h", "sub/_dir/z", "sub/_u", "sub/a.go", "sub/a_test.go"];
        let all: Vec<&str> = all.into_iter().chain(["sub/testdata/t", "sub/vendor/v", "sub/x.txt"]).collect();
        check(SUB, "all:sub", &all);
    }

    #[test]
    fn e03_a_glob_matches_hidden_names() {
        let tree = "-- p/sub/.a --\n-- p/sub/_b --\n-- p/sub/c --\n-- p/sub/d/.e --\n-- p/sub/d/f --\n";
        check(tree, "sub/*", &["sub/.a", "sub/_b", "sub/c", "sub/d/f"]);
        let with_git = format!("{tree}-- p/sub/.git/c --\n");
        let problem = "cannot embed sub/.git: invalid name sub/.git";
        check_problem(&with_git, "sub/*", problem, &["sub/.a", "sub/.git/c", "sub/_b", "sub/c", "sub/d/f"]);
    }

    #[test]
    fn e04_hidden_files_can_be_named() {
        check("-- p/.hid --\n-- p/_und/x --\n", ".hid", &[".hid"]);
        check("-- p/.hid --\n-- p/_und/x --\n", "_und", &["_und/x"]);
    }

    #[test]
    fn e05_links_are_rejected_and_named() {
        let tree = "-- p/f -> real --\n-- p/real --\n-- p/d -> dir --\n-- p/dir/x --\n-- p/out -> /etc --\n";
        check_problem(tree, "f", "cannot embed irregular file f", &["f", "real"]);
        check_problem(tree, "d", "cannot embed irregular file d", &["d"]);
        check_problem(tree, "d/x", "cannot embed d/x: in non-directory d", &["d"]);
        check_problem(tree, "*/x", "p/out is a link to where nothing can be seen", &["d", "dir/x", "out"]);
        check_problem(tree, "d/y", "no matching files found", &[]);
        check_problem(tree, "f/y", "no matching files found", &[]);
    }

    #[test]
    fn e06_patterns_are_those_of_path_match() {
        let tree = "-- p/br[1].txt --\n-- p/a.txt --\n-- p/b.txt --\n";
        check(tree, "br[[]1].txt", &["br[1].txt"]);
        check(tree, "\\a.txt", &["a.txt"]);
        check(tree, "[ab].txt", &["a.txt", "b.txt"]);
        check(tree, "?.txt", &["a.txt", "b.txt"]);
    }

    #[test]
    fn e07_what_is_no_path_is_rejected() {
        let tree = "-- p/sub/x.txt --\n-- p/a --\n-- m/a --\n";
        for pattern in ["./a", "../m/a", ".", "a/", "/a", "a//b", "", "all:", "[", "sub/[x", "[a/b]", "a\\/b"] {
            check_problem(tree, pattern, "invalid pattern syntax", &[]);
        }
        for pattern in ["**/x", "sub/{x,y}.txt", "missing", "a/b", "all:missing"] {
            check_problem(tree, pattern, "no matching files found", &[]);
        }
    }

    #[test]
    fn other_modules_and_empty_folders_are_rejected_whole() {
        let tree = "-- p/n/go.mod --\n-- p/n/x --\n-- p/e/.x --\n-- p/g/go.mod/x --\n-- p/g/y --\n-- p/b/go.mod -> no --\n-- p/b/x --\n";
        check_problem(tree, "n", "cannot embed n: in different module", &["n/go.mod", "n/x"]);
        check_problem(tree, "n/x", "cannot embed n/x: in different module", &["n/x"]);
        check_problem(tree, "g", "cannot embed g: in different module", &["g/go.mod/x", "g/y"]);
        check_problem(tree, "e", "cannot embed directory e: contains no embeddable files", &["e/.x"]);
        check(tree, "b", &["b/x"]);
    }

    #[test]
    fn names_that_no_module_can_hold_are_rejected() {
        let tree = "-- p/d/a:b --\n-- p/d/c --\n-- p/f/a:b/x --\n-- p/f/größe --\n-- p/con.txt --\n-- p/x. --\n";
        check_problem(tree, "d", "cannot embed file d/a:b: invalid name", &["d/a:b", "d/c"]);
        check(tree, "f", &["f/größe"]);
        check_problem(tree, "con.txt", "cannot embed con.txt: invalid name con.txt", &["con.txt"]);
        check_problem(tree, "x.", "cannot embed x.: invalid name x.", &["x."]);
        check_problem(tree, "f/a:b/x", "cannot embed f/a:b/x: invalid name f/a:b", &["f/a:b/x"]);
    }

    #[test]
    fn submodules_are_named() {
        let mut tree = MemoryTree::from_txtar("-- p/d/x --\n");
        tree.insert_entry(b"p/d/s", EntryKind::Submodule, b"0123");
        assert_eq!(matched(&tree, "d"), (vec!["d/s".into(), "d/x".into()], None));
        let doubt = Some("p/d/s is a submodule, whose files cannot be seen".into());
        assert_eq!(matched(&tree, "d/s/x"), (vec!["d/s".into()], doubt.clone()));
        assert_eq!(matched(&tree, "d/*"), (vec!["d/s".into(), "d/x".into()], doubt));
    }

    #[test]
    fn a_pattern_of_absurd_length_takes_everything() {
        let pattern = "*".repeat(5000) + "x";
        let problem = "the pattern is too long to be matched";
        check_problem("-- p/a --\n-- p/d/.b --\n-- q --\n", &pattern, problem, &["a", "d/.b"]);
    }

    #[test]
    fn circles_of_links_end() {
        let mut tree = MemoryTree::from_txtar("-- p/f --\n");
        for name in ["a", "b", "c", "d"] {
            tree.insert_link(&format!("p/{name}"), ".");
        }
        let (files, problem) = matched(&tree, &["*"; 300].join("/"));
        assert_eq!(files, ["a"]);
        assert!(problem.is_some());
    }

    #[test]
    fn a_package_behind_a_link_embeds_the_files_where_they_are() {
        let tree = MemoryTree::from_txtar("-- q/x --\n-- p -> q --\n");
        let found = embed_files(&tree, &RepoPath::from_clean(b"p"), "x").unwrap();
        assert_eq!(found, EmbedMatch { files: vec![RepoPath::from_clean(b"q/x")], problem: None, has_links: false });
    }
}
