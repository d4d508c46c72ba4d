//! The rules about what single instructions put into layers: `add-for-copy`, `package-lists`.

use super::commands::{commands, program};
use super::subject::{Subject, context_copy, has_cache_at};
use super::{Advised, Findings};
use crate::config::LintRule;
use crate::docker::{Copy, Instruction, Run};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for step in subject.steps() {
        if let Some(copy) = context_copy(step.instruction) {
            add_for_copy(copy, step.instruction.line, findings);
        }
    }
    // What is left in other stages reaches no image.
    for step in subject.final_steps() {
        if let Some(run) = step.instruction.run() {
            package_lists(run, step.instruction, findings);
        }
    }
}

fn add_for_copy(copy: &Copy, line: usize, findings: &mut Findings<'_>) {
    let is_plain = |source: &String| !source.contains("${") && !source.ends_with('*') && !is_archive(source);
    let only_files = copy.remotes.is_empty() && !copy.sources.is_empty() && copy.sources.iter().all(is_plain);
    if !copy.is_add || !only_files || copy.options.contains_key("unpack") {
        return;
    }
    let sources = copy.sources.join(" ");
    let slash = if copy.into_folder && !copy.target.text.ends_with('/') { "/" } else { "" };
    findings.add(LintRule::AddForCopy, line, Advised {
        message: format!("`ADD {sources}` copies files, which is what COPY is for"),
        reason: "ADD also unpacks archives and fetches URLs: a file that one day is named like either is treated as such"
            .to_owned(),
        gain: "an instruction that does what it says".to_owned(),
        fix: format!("COPY {sources} {}{slash}", copy.target.text),
    });
}

/// Whether `ADD` may unpack a file of that name.
fn is_archive(source: &str) -> bool {
    let name = source.to_ascii_lowercase();
    [".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst"].iter().any(|end| name.ends_with(end))
}

/// A package manager and what it leaves behind.
struct Manager {
    names: &'static [&'static str],
    /// The folder of what it fetched.
    folder: &'static str,
    /// The word that cleans up, and the command to name.
    clean: &'static str,
    leaves: &'static str,
}

const MANAGERS: [Manager; 4] = [
    Manager {
        names: &["apt-get", "apt"],
        folder: "/var/lib/apt/lists",
        clean: "rm -rf /var/lib/apt/lists/*",
        leaves: "20 to 50 MB",
    },
    Manager {
        names: &["dnf", "microdnf"],
        folder: "/var/cache/dnf",
        clean: "dnf clean all",
        leaves: "tens of megabytes",
    },
    Manager { names: &["yum"], folder: "/var/cache/yum", clean: "yum clean all", leaves: "tens of megabytes" },
    Manager { names: &["zypper"], folder: "/var/cache/zypp", clean: "zypper clean --all", leaves: "tens of megabytes" },
];

fn package_lists(run: &Run, instruction: &Instruction, findings: &mut Findings<'_>) {
    let programs: Vec<Vec<&str>> = commands(run).map(program).collect();
    let removes = |folder: &str| {
        let is_there = |words: &Vec<&str>| {
            matches!(words.first(), Some(&("rm" | "find"))) && words.iter().any(|word| covers(word, folder))
        };
        programs.iter().any(is_there) || has_mount_at(instruction, folder)
    };
    for manager in &MANAGERS {
        let uses = |words: &&Vec<&str>| words.first().is_some_and(|name| manager.names.contains(name));
        let fetches = |word: &&str| matches!(*word, "update" | "install" | "upgrade" | "dist-upgrade" | "refresh");
        let is_apt = manager.folder.starts_with("/var/lib/apt");
        // Without `update` apt-get has no lists to leave.
        let wanted =
            |words: &&Vec<&str>| words.iter().any(|word| if is_apt { *word == "update" } else { fetches(word) });
        let Some(found) = programs.iter().filter(uses).find(|words| wanted(words)) else { continue };
        let cleans = |words: &Vec<&str>| {
            words.contains(&"clean") && words.first().is_some_and(|name| manager.names.contains(name))
        };
        if removes(manager.folder) || !is_apt && programs.iter().any(cleans) {
            continue;
        }
        let name = found.first().copied().unwrap_or_default();
        add(findings, instruction.line, name, manager.leaves, &format!("end the RUN with `&& {}`", manager.clean));
    }
    let apk = || programs.iter().filter(|words| words.first() == Some(&"apk"));
    let fetches = |words: &&Vec<&str>| {
        !words.contains(&"--no-cache")
            && words.iter().any(|word| matches!(*word, "update" | "-U" | "--update" | "--update-cache"))
    };
    if apk().any(|words| fetches(&words)) && !removes("/var/cache/apk") {
        let fix = "use `apk add --no-cache …`, without `apk update`";
        add(findings, instruction.line, "apk", "about 2 MB", fix);
    }
}

fn add(findings: &mut Findings<'_>, line: usize, name: &str, leaves: &str, fix: &str) {
    findings.add(
        LintRule::PackageLists,
        line,
        Advised {
            message: format!("`{name}` leaves its package lists in the layer"),
            reason: "nothing reads them again, and a later RUN that removes them makes the image no smaller".to_owned(),
            gain: format!("{leaves} of the image"),
            fix: fix.to_owned(),
        },
    );
}

/// Whether a word of `rm` covers a folder, or what is in it.
fn covers(word: &str, folder: &str) -> bool {
    let word = word.trim_end_matches('*').trim_end_matches('/');
    word.starts_with('/')
        && (folder.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || word.starts_with(folder))
}

/// Whether a cache or a tmpfs keeps a folder out of the layer.
fn has_mount_at(instruction: &Instruction, folder: &str) -> bool {
    let tmpfs = instruction.run().into_iter().flat_map(|run| &run.mounts).filter(|mount| mount.kind == "tmpfs");
    has_cache_at(instruction, folder) || tmpfs.into_iter().any(|mount| covers(&mount.target.text, folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{findings, lines_with};

    #[test]
    fn files_are_copied() {
        #[track_caller]
        fn check(instruction: &str, expected: bool) {
            let dockerfile = format!("FROM alpine:3.20\n{instruction}\n");
            assert_eq!(!lines_with(LintRule::AddForCopy, &dockerfile, "").is_empty(), expected, "{instruction}");
        }
        check("ADD a b /", true);
        check("ADD --chown=1 conf /etc/", true);
        check("COPY a /", false);
        check("ADD rootfs.tar.gz /", false);
        check("ADD a.TGZ b /", false);
        check("ADD https://ex.io/x /", false);
        check("ADD https://ex.io/x a /", false);
        check("ADD $FILE /", false);
        check("ADD dist/* /", false);
        let fix = &findings(LintRule::AddForCopy, "FROM alpine:3.20\nWORKDIR /x\nADD a b ./\n", "")[0].fix;
        assert_eq!(fix, "COPY a b /x/");
    }

    #[test]
    fn package_lists_go_with_the_layer_that_needs_them() {
        #[track_caller]
        fn check(run: &str, expected: bool) {
            let dockerfile = format!("FROM ex.io/base:1\nRUN {run}\n");
            assert_eq!(!lines_with(LintRule::PackageLists, &dockerfile, "").is_empty(), expected, "{run}");
        }
        check("apt-get update && apt-get install -y git", true);
        check("apt update; apt install -y git", true);
        check("apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*", false);
        check("apt-get update && apt-get install -y git && apt-get clean", true);
        check("apt-get update && apt-get install -y git && rm -rf /var/lib/apt /tmp/*", false);
        check("apt-get -qq update && rm -fr /var/lib/apt/lists/* /var/cache/*", false);
        check("apt-get install -y git", false);
        check("--mount=type=cache,target=/var/lib/apt/lists apt-get update", false);
        check("--mount=type=cache,target=/var/lib/apt apt-get update", false);
        check("--mount=type=cache,target=/var/cache/apt apt-get update", true);
        check("--mount=type=tmpfs,target=/var/lib/apt/lists apt-get update", false);
        check("apk add --no-cache git", false);
        check("apk --no-cache add git", false);
        check("apk add git", false);
        check("apk update && apk add --no-cache git", true);
        check("apk add -U git", true);
        check("apk add --update git && rm -rf /var/cache/apk/*", false);
        check("apk add --update --no-cache git", false);
        check("dnf install -y git", true);
        check("dnf install -y git && dnf clean all", false);
        check("microdnf install git && microdnf clean all", false);
        check("yum -y install git && rm -rf /var/cache/yum", false);
        check("yum -y install git", true);
        check("zypper install -y git", true);
        check("echo apt-get update", false);
    }

    #[test]
    fn what_stays_in_other_stages_is_in_no_image() {
        let dockerfile = "FROM golang:1.24 AS b\nRUN apt-get update\nFROM scratch\nCOPY --from=b /a /\n";
        assert_eq!(lines_with(LintRule::PackageLists, dockerfile, ""), [0_usize; 0]);
        let dockerfile = "FROM debian:12 AS b\nRUN apt-get update\nFROM b\nCOPY a /\n";
        assert_eq!(lines_with(LintRule::PackageLists, dockerfile, ""), [2]);
    }
}
