//! Turns the words of a command into the program that it starts and what that program may read and write: nothing of
//! the context, the files that its arguments name, what the `go` command reads, or anything at all.
//!
//! It knows programs by their names only and never looks at files. A program that it does not know may do anything.

use super::words::{assignment, join};
use super::{Certainty, Nesting, RunWords, Word};

/// What a command does with the files of its stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect<'a> {
    /// It reads and writes nothing that comes from the context.
    Nothing,
    /// It reads the files and folders that its arguments name.
    Files(Tool),
    /// It installs packages: it reads the configuration of the system and writes to the system.
    Packages,
    /// It is the `go` command.
    Go(Invocation<'a>),
    /// It may read and write anything; its name, to put the blame on.
    Anything(String),
}

/// Where a program that reads files writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// To the paths that its arguments name, and to its output.
    Arguments,
    /// To its last argument (`cp`).
    Last,
    /// To the folder after `-C` or `-d`, else to its working directory (`tar`).
    Folder,
    /// Nowhere: it prints, or only succeeds or fails.
    Prints,
    /// Into variables of the script (`read`, `for`).
    Variables,
    /// Nobody knows where to.
    Loose,
    /// It runs the file (`.`).
    Runs,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation<'a> {
    /// The assignments before it.
    pub(super) assignments: Vec<(&'a Word, &'a str, &'a str)>,
    /// Its name, without a folder of the system.
    pub(super) program: &'a str,
    /// Its arguments, without redirections.
    pub(super) arguments: Vec<&'a Word>,
}

/// The folders where programs of the system lie.
pub(super) const PROGRAM_FOLDERS: [&str; 8] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/go/bin", "/go/bin"];

/// Where the configuration of package managers and of what they use lies.
pub(super) const CONFIGURATION: [&str; 12] = [
    "/etc",
    "/root/.config",
    "/root/.curlrc",
    "/root/.gitconfig",
    "/root/.netrc",
    "/root/.npmrc",
    "/root/.pip",
    "/root/.ssh",
    "/usr/local/etc",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
];

/// Where package managers write to.
pub(super) const SYSTEM: [&str; 17] = [
    "/bin",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/opt",
    "/sbin",
    "/srv",
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/sbin",
    "/usr/share",
    "/var",
];

/// What a command may do.
pub(super) fn effect(command: &RunWords) -> Effect<'_> {
    if command.is_label || command.nesting == Nesting::Guess {
        return Effect::Nothing;
    }
    if is_input(command) {
        return Effect::Files(Tool::Prints);
    }
    let Some(invocation) = invocation(command) else {
        // The names that a wildcard finds are the values of the variable.
        let has_wildcard = command.words.iter().any(|word| has_wildcard(&word.text));
        return if has_wildcard { Effect::Files(Tool::Variables) } else { Effect::Nothing };
    };
    let is_known = invocation.words_are_known;
    let invocation = invocation.of;
    if !is_known {
        return Effect::Anything(invocation.program.to_owned());
    }
    match invocation.program {
        "go" | "xx-go" => Effect::Go(invocation),
        "git" => git(&invocation),
        "sh" | "bash" | "ash" | "dash" => shell(&invocation),
        "find"
            if has_argument(
                &invocation,
                &["-exec", "-execdir", "-ok", "-okdir", "-files0-from", "-fprint", "-fprint0", "-fprintf", "-fls"],
            ) =>
        {
            Effect::Anything("find -exec".to_owned())
        }
        "grep" | "egrep" | "fgrep" | "rg" if has_argument(&invocation, &["-r", "-R", "--recursive", "-rn", "-rl"]) => {
            Effect::Anything(format!("{} -r", invocation.program))
        }
        "command" | "hash" | "type" | "which" => Effect::Nothing,
        "echo" | "printf" if command.words.iter().any(|word| has_wildcard(&word.text)) => Effect::Files(Tool::Prints),
        "read" | "mapfile" => Effect::Files(Tool::Variables),
        "set" if command.words.iter().any(|word| has_wildcard(&word.text)) => Effect::Files(Tool::Variables),
        "trap" if !invocation.arguments.is_empty() => Effect::Anything("trap".to_owned()),
        "rm" | "mv" if invocation.arguments.iter().any(|word| decides_a_build(&word.text)) => {
            Effect::Anything(format!("{} of Go's own files", invocation.program))
        }
        name if NOTHING.contains(&name) => Effect::Nothing,
        name if PACKAGES.contains(&name) => Effect::Packages,
        name if PRINTS.contains(&name) => Effect::Files(Tool::Prints),
        name if LOOSE.contains(&name) => Effect::Files(Tool::Loose),
        name if LAST.contains(&name) => Effect::Files(Tool::Last),
        name if FOLDER.contains(&name) => Effect::Files(Tool::Folder),
        name if ARGUMENTS.contains(&name) => Effect::Files(Tool::Arguments),
        "." | "source" => Effect::Files(Tool::Runs),
        name => Effect::Anything(name.to_owned()),
    }
}

/// Programs that have nothing to do with what the files of the context contain.
const NOTHING: [&str; 59] = [
    ":",
    "[[",
    "addgroup",
    "arch",
    "break",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "chpasswd",
    "continue",
    "declare",
    "delgroup",
    "deluser",
    "done",
    "echo",
    "esac",
    "exit",
    "export",
    "expr",
    "false",
    "fi",
    "groupadd",
    "groupdel",
    "groupmod",
    "hostname",
    "id",
    "kill",
    "local",
    "mkdir",
    "mkfifo",
    "mktemp",
    "nproc",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "readonly",
    "return",
    "rm",
    "rmdir",
    "seq",
    "set",
    "setcap",
    "shift",
    "sleep",
    "sync",
    "touch",
    "trap",
    "true",
    "ulimit",
    "umask",
    "uname",
    "unset",
    "userdel",
    "wait",
    "whoami",
    "xx-info",
    "xx-verify",
];

/// Package managers and what looks after certificates.
const PACKAGES: [&str; 29] = [
    "add-apt-repository",
    "adduser",
    "apk",
    "apt",
    "apt-cache",
    "apt-get",
    "apt-key",
    "apt-mark",
    "aptitude",
    "debconf-set-selections",
    "dnf",
    "dpkg",
    "dpkg-reconfigure",
    "getent",
    "ldconfig",
    "locale-gen",
    "microdnf",
    "pacman",
    "rpm",
    "tdnf",
    "update-ca-certificates",
    "update-ca-trust",
    "useradd",
    "usermod",
    "xx-apk",
    "xx-apt",
    "xx-apt-get",
    "yum",
    "zypper",
];

/// Programs that print something about the files that they are given, or only look at them.
const PRINTS: [&str; 48] = [
    "[",
    "awk",
    "b2sum",
    "base64",
    "basename",
    "cat",
    "cksum",
    "cmp",
    "column",
    "comm",
    "cut",
    "diff",
    "dirname",
    "du",
    "egrep",
    "fgrep",
    "file",
    "find",
    "fmt",
    "fold",
    "gawk",
    "golangci-lint",
    "grep",
    "head",
    "hexdump",
    "jq",
    "ldd",
    "ls",
    "md5sum",
    "nl",
    "nm",
    "od",
    "paste",
    "readelf",
    "readlink",
    "realpath",
    "rev",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "size",
    "stat",
    "strings",
    "tac",
    "test",
    "wc",
];

/// Programs that make their last argument out of the others.
const LAST: [&str; 4] = ["cp", "install", "ln", "mv"];

/// Programs that unpack files into a folder.
const FOLDER: [&str; 4] = ["bsdtar", "cpio", "tar", "unzip"];

/// Programs that read files which their arguments name, and may write anywhere.
const LOOSE: [&str; 13] =
    ["bunzip2", "bzip2", "curl", "date", "dd", "gpg", "gunzip", "gzip", "patch", "unxz", "wget", "xz", "zstd"];

/// Programs that change the files that they are given, or write beside them.
const ARGUMENTS: [&str; 16] = [
    "dos2unix", "envsubst", "objcopy", "openssl", "sed", "sort", "strip", "tail", "tee", "tr", "truncate", "uniq",
    "upx", "xxd", "yq", "zip",
];

struct Found<'a> {
    of: Invocation<'a>,
    /// Whether the name of the program is certain.
    words_are_known: bool,
}

/// The program of a command, after assignments, keywords of the shell and programs that only start others.
fn invocation(command: &RunWords) -> Option<Found<'_>> {
    let mut words = command.words.iter().filter(|word| !word.is_redirect).peekable();
    let mut assignments = Vec::new();
    while let Some(word) = words.next() {
        if let Some((name, value)) = assignment(&word.text) {
            assignments.push((word, name, value));
            continue;
        }
        match word.text.as_str() {
            "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "{" | "}" | "time" | "exec"
            | "nohup" | "nice" | "builtin" => {}
            // With an option it only says where a program lies.
            "command" if words.peek().is_some_and(|word| !word.text.starts_with('-')) => {}
            "env" | "sudo" => while words.next_if(|word| word.text.starts_with('-')).is_some() {},
            // These lines have words but no command: `for x in …`, `case x in pattern`, `name()`.
            "for" | "case" | "in" | "select" | "function" => return None,
            _ => {
                let words_are_known = word.certainty == Certainty::Certain && is_plain_name(&word.text);
                let program = program_name(&word.text);
                let of = Invocation { assignments, program, arguments: words.collect() };
                return Some(Found { of, words_are_known });
            }
        }
    }
    None
}

/// The name of a program of the system, also where its folder is given.
fn program_name(word: &str) -> &str {
    match word.rsplit_once('/') {
        Some((folder, name)) if PROGRAM_FOLDERS.contains(&folder) => name,
        _ => word,
    }
}

fn is_plain_name(word: &str) -> bool {
    !program_name(word).contains(['/', '*', '?', '$'])
}

fn has_wildcard(word: &str) -> bool {
    word.contains(['*', '?']) || word.contains('[') && word.contains(']') && word.len() > 2
}

/// Whether a command is a shell that reads its script from its input.
pub(super) fn reads_script(command: &RunWords) -> bool {
    let Some(Found { of, .. }) = invocation(command) else { return false };
    let is_shell = matches!(of.program, "sh" | "bash" | "ash" | "dash");
    is_shell && !of.arguments.iter().any(|word| word.text.starts_with('-') && word.text.ends_with('c'))
}

/// Whether a path is one whose absence changes what `go build` does.
fn decides_a_build(path: &str) -> bool {
    path.contains("vendor")
        || ["go.work", "go.mod", "go.sum", ".go"].iter().any(|name| path.ends_with(name))
        || path.contains("go.*")
}

fn has_argument(invocation: &Invocation<'_>, names: &[&str]) -> bool {
    invocation.arguments.iter().any(|word| names.contains(&word.text.as_str()))
}

/// `git` asks its own data, which is no part of the tree, or brings something from elsewhere; what applies patches or
/// fetches what a file of the tree names is left.
fn git<'a>(invocation: &Invocation<'_>) -> Effect<'a> {
    const HARMLESS: [&str; 13] = [
        "branch",
        "clone",
        "config",
        "describe",
        "fetch",
        "init",
        "log",
        "ls-remote",
        "name-rev",
        "rev-list",
        "rev-parse",
        "show",
        "tag",
    ];
    let verb = invocation.arguments.iter().find(|word| !word.text.starts_with('-'));
    match verb {
        Some(verb) if verb.certainty == Certainty::Certain && HARMLESS.contains(&verb.text.as_str()) => Effect::Nothing,
        Some(verb) => Effect::Anything(format!("git {}", verb.text)),
        None => Effect::Nothing,
    }
}

/// A shell with a script in its arguments: the commands of the script come by themselves. A shell that reads its
/// script from a here-document likewise; one that is given a file may do anything.
fn shell<'a>(invocation: &Invocation<'_>) -> Effect<'a> {
    let mut arguments = invocation.arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.text.as_str();
        if text.starts_with('-') && !text.starts_with("--") && text.ends_with('c') {
            return match arguments.next() {
                // One word is not looked into: it may be a file of the context.
                Some(script) if script.text.contains(char::is_whitespace) => Effect::Nothing,
                _ => Effect::Anything(invocation.program.to_owned()),
            };
        }
        if text == "pipefail" || text == "errexit" || text.starts_with(['-', '+']) || text == "<<" {
            continue;
        }
        return Effect::Anything(format!("{} {text}", invocation.program));
    }
    Effect::Nothing
}

/// `$(<file)` has the contents of the file.
fn is_input(command: &RunWords) -> bool {
    command.nesting == Nesting::Substitution && command.words.iter().all(|word| word.is_redirect)
}

/// Whether a command of the shell itself, which no program can stand for.
pub(super) fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        ":" | "."
            | "["
            | "[["
            | "break"
            | "cd"
            | "continue"
            | "echo"
            | "eval"
            | "exit"
            | "export"
            | "false"
            | "local"
            | "popd"
            | "printf"
            | "pushd"
            | "pwd"
            | "read"
            | "readonly"
            | "return"
            | "set"
            | "shift"
            | "source"
            | "test"
            | "trap"
            | "true"
            | "ulimit"
            | "umask"
            | "unset"
            | "wait"
            | "declare"
            | "done"
            | "fi"
            | "esac"
    )
}

/// Whether a tool's arguments say plainly which of them it writes to.
pub(super) fn has_plain_target(command: &RunWords, tool: Tool) -> bool {
    let is_option = |word: &&Word| word.text.starts_with('-') && word.text.len() > 1;
    let mut options = command.words.iter().skip(1).filter(is_option).map(|word| word.text.as_str());
    let program = command.words.iter().find(|word| assignment(&word.text).is_none()).map(|word| word.text.as_str());
    let writes_in_script = command.words.iter().any(|word| match program.map(program_name) {
        Some("sed") => word.text.contains("w ") || word.text.contains("w/") || word.text.ends_with('e'),
        Some("awk" | "gawk") => word.text.contains('>') || word.text.contains("system") || word.text.contains('|'),
        _ => false,
    });
    match tool {
        Tool::Loose => false,
        Tool::Last => options.all(|option| match option.strip_prefix("--") {
            Some(long) => matches!(long, "recursive" | "force" | "archive" | "preserve" | "symbolic"),
            None => !option.contains('t'),
        }),
        Tool::Folder => {
            let is_odd = |option: &str| {
                let has_folder = option.contains(['C', 'd']) && !matches!(option, "-C" | "-d");
                option.starts_with("--") && !option.starts_with("--strip") || has_folder
            };
            let first = command.words.iter().skip_while(|word| assignment(&word.text).is_some()).nth(1);
            let is_bundle = first.is_some_and(|word| !word.text.starts_with('-') && word.text.contains('C'));
            !options.any(is_odd) && !is_bundle
        }
        _ => {
            let is_sort = program.map(program_name) == Some("sort");
            !writes_in_script && options.all(|option| !(option.contains('/') || is_sort && option.starts_with("-o")))
        }
    }
}

/// Where the word stands that is a script or a pattern, and names no file.
fn script_position(command: &RunWords) -> Option<usize> {
    let program = command.words.iter().position(|word| assignment(&word.text).is_none())?;
    let name = command.words.get(program).map(|word| program_name(&word.text))?;
    let mut words = command.words.iter().enumerate().skip(program + 1);
    if words
        .clone()
        .any(|(_, word)| word.text.starts_with("--exp") || word.text.starts_with("-e") && word.text.len() > 2)
    {
        return None;
    }
    let (at, _) = words.find(|(_, word)| !word.text.starts_with('-') && !word.is_redirect)?;
    matches!(name, "sed" | "awk" | "gawk" | "grep" | "egrep" | "fgrep" | "jq" | "yq" | "tr").then_some(at)
}

/// The arguments of a command that may name files which it writes.
pub(super) fn file_arguments(command: &RunWords) -> impl DoubleEndedIterator<Item = &Word> {
    let script = script_position(command);
    let words = command.words.iter().enumerate().skip(1).filter(move |(at, _)| Some(*at) != script);
    words.map(|(_, word)| word).filter(|word| !word.text.starts_with('-') && !word.is_redirect)
}

/// The words of a command that may name files: arguments, values of options, targets of redirections; located from a
/// folder. What holds a variable that is not known keeps its `${NAME}`.
pub(super) fn paths<'a>(command: &'a RunWords, folder: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_input = is_input(command);
    let program = command.words.iter().position(|word| assignment(&word.text).is_none()).unwrap_or_default();
    let name = command.words.get(program).map(|word| program_name(&word.text)).unwrap_or_default();
    let into = command.words.iter().skip_while(|word| word.text != "-C").nth(1).filter(|_| name == "tar");
    let inner = into.map_or_else(|| folder.to_owned(), |into| join(folder, &into.text));
    let has_script = matches!(name, "sed" | "awk" | "gawk" | "grep" | "egrep" | "fgrep" | "jq" | "yq" | "tr");
    let script =
        command.words.iter().skip(program + 1).position(|word| !word.text.starts_with('-') && !word.is_redirect);
    let script = script.filter(|_| has_script).map(|at| at + program + 1);
    let mut is_archive = false;
    let is_test = matches!(name, "[" | "[[" | "test");
    let skipped = if is_input { 0 } else { program + 1 };
    let words = command.words.iter().enumerate().skip(skipped);
    let words = words.filter(move |(at, _)| !is_test || is_tested_file(&command.words, *at));
    let located = words.flat_map(move |(at, word)| {
        let from = if word.is_redirect || std::mem::take(&mut is_archive) { folder } else { &inner };
        is_archive = at == program + 1 && !word.text.starts_with("--") && word.text.ends_with('f')
            || word.text.starts_with('-') && word.text.ends_with('f');
        // What is put into a script is text, and no name of a file.
        let is_text = Some(at) == script;
        let whole = (!is_text && !word.text.starts_with('-')).then_some(word.text.as_str());
        let pieces = pieces(&word.text).filter(move |piece| !is_text || !piece.contains("${")).chain(whole);
        pieces.map(|piece| located_path(from, piece)).collect::<Vec<_>>()
    });
    located.collect::<Vec<_>>().into_iter()
}

/// Whether a word of `test` names a file: `-f x`, `x -nt y`.
fn is_tested_file(words: &[Word], at: usize) -> bool {
    let is_unary = |word: &Word| {
        let letter = word.text.strip_prefix('-').filter(|letter| letter.len() == 1);
        letter.is_some_and(|letter| "abcdefghkprstuwxGLNOS".contains(letter))
    };
    let is_binary = |word: &Word| matches!(word.text.as_str(), "-ef" | "-nt" | "-ot");
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    before.is_some_and(|word| is_unary(word) || is_binary(word)) || words.get(at + 1).is_some_and(is_binary)
}

/// A word as a path. What the shell makes other words of is not known: `~/x`, `{a,b}`.
pub(super) fn located_path(folder: &str, word: &str) -> String {
    let is_expanded = word.starts_with('~') || word.contains('{') && word.contains('}') && !word.contains("${");
    if is_expanded {
        return "${}".to_owned();
    }
    // The shell negates classes with `!`, Go with `^`.
    join(folder, &word.replace("[!", "[^"))
}

/// Whether `tar` and its like unpack an archive, and do not make one.
pub(super) fn unpacks(command: &RunWords) -> bool {
    let mut words = command.words.iter().map(|word| word.text.as_str());
    let is_tar = words.by_ref().any(|word| matches!(program_name(word), "tar" | "bsdtar"));
    if !is_tar {
        return true;
    }
    let mut options = words.enumerate().filter(|(at, word)| *at == 0 || word.starts_with('-'));
    options.any(|(_, word)| match word.strip_prefix("--") {
        Some(long) => matches!(long, "extract" | "get"),
        None => word.contains('x'),
    })
}

/// The parts of a word that may be paths: `--config=a/b,c:d` has three, `-Idir` one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let is_separator = |character: char| character.is_whitespace() || "=,:;@\"'()<>|&".contains(character);
    text.split(is_separator).flat_map(|piece| {
        let glued = piece.strip_prefix('-').and_then(|rest| rest.get(1..)).filter(|rest| !rest.is_empty());
        let plain = (!piece.is_empty() && !piece.starts_with('-')).then_some(piece);
        plain.into_iter().chain(glued)
    })
}
