//! Turns the name of a file into what Go takes it for: its kind, and the constraint that its name carries. It never
//! looks inside.

use super::platforms::{is_known_arch, is_known_os};
use super::{Constraint, Tri};

/// The kinds of file that `go build` reads in a package folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `.go`, tests included.
    Go,
    /// `.c`
    C,
    /// `.cc`, `.cpp`, `.cxx`
    Cxx,
    /// `.m`
    ObjC,
    /// `.h`, `.hh`, `.hpp`, `.hxx`
    Header,
    /// `.f`, `.F`, `.for`, `.f90`
    Fortran,
    /// `.s`
    Assembly,
    /// `.S`, `.sx`: assembled only in a package that uses cgo.
    CAssembly,
    /// `.swig`
    Swig,
    /// `.swigcxx`
    SwigCxx,
    /// `.syso`: linked as it is, never read for constraints.
    Syso,
}

/// The kind of a file; `None` if Go ignores files of this name.
pub fn file_kind(name: &[u8]) -> Option<FileKind> {
    if matches!(name.first(), Some(b'_' | b'.')) {
        return None;
    }
    let dot = memchr::memrchr(b'.', name)?;
    match name.get(dot + 1..)? {
        b"go" => Some(FileKind::Go),
        b"c" => Some(FileKind::C),
        b"cc" | b"cpp" | b"cxx" => Some(FileKind::Cxx),
        b"m" => Some(FileKind::ObjC),
        b"h" | b"hh" | b"hpp" | b"hxx" => Some(FileKind::Header),
        b"f" | b"F" | b"for" | b"f90" => Some(FileKind::Fortran),
        b"s" => Some(FileKind::Assembly),
        b"S" | b"sx" => Some(FileKind::CAssembly),
        b"swig" => Some(FileKind::Swig),
        b"swigcxx" => Some(FileKind::SwigCxx),
        b"syso" => Some(FileKind::Syso),
        _ => None,
    }
}

/// Whether the name of a file (`x_linux_amd64_test.go`) admits it: `goodOSArchFile` of `go/build`.
pub fn file_name_matches(name: &[u8], tag: &dyn Fn(&str) -> Tri) -> Tri {
    let tags = tags_of_name(name).into_iter().flatten();
    tags.fold(Tri::True, |verdict, name| verdict.and(tag(name)))
}

/// The same as a constraint.
pub fn file_name_constraint(name: &[u8]) -> Constraint {
    let tags = tags_of_name(name).into_iter().flatten();
    tags.fold(Constraint::Always, |all, tag| all.and(Constraint::parse_go_build(tag)))
}

/// The tags that the name of a file asks for: operating system and architecture.
fn tags_of_name(name: &[u8]) -> [Option<&str>; 2] {
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    let Some(underscore) = memchr::memchr(b'_', stem) else { return [None, None] };
    let mut words = stem.get(underscore..).unwrap_or_default().rsplit(|byte| *byte == b'_').peekable();
    words.next_if(|word| *word == b"test");
    let mut word = || std::str::from_utf8(words.next()?).ok();
    match word() {
        Some(arch) if is_known_arch(arch) => [word().filter(|os| is_known_os(os)), Some(arch)],
        Some(os) if is_known_os(os) => [Some(os), None],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::source::Target;

    #[track_caller]
    fn check(os: &str, arch: &str, name: &str, expected: bool) {
        let target = Target::new(os, arch);
        let found = file_name_matches(name.as_bytes(), &|tag| target.tag(tag));
        assert_eq!(found, Tri::from(expected), "{name} on {os}/{arch}");
    }

    #[test]
    fn only_the_last_words_before_the_first_dot_constrain() {
        for name in ["foo_linux.pb.go", "foo.pb_windows.go", "linux.go", "test.go", "x_linux_foo.go", "x_linux_.go"] {
            check("linux", "amd64", name, true);
        }
        for name in ["foo_unix.go", "x_cgo.go", "x_gccgo.go", "x_LINUX.go", "x_wasip2.go", "x_test_linux.go"] {
            check("linux", "amd64", name, true);
        }
        for name in ["x_js.go", "x_wasm.go", "x_sparc.go", "x_amd64p32.go", "x_hurd.go", "x_nacl.go", "x_wasip1.go"] {
            check("linux", "amd64", name, false);
        }
        for name in ["x__windows.go", "x_darwin.x.go", "foo_test_windows.go", "x_windows_test.go", "s_windows.syso"] {
            check("linux", "amd64", name, false);
        }
        check("linux", "amd64", "x_amd64_linux.go", true);
        check("darwin", "amd64", "x_amd64_linux.go", false);
        check("windows", "arm64", "x_linux_arm64.go", false);
        check("linux", "arm64", "x_linux_arm64_test.go", true);
        check("linux", "arm64", "_linux_amd64.go", false);
    }

    #[test]
    fn f01_a_generated_file_is_constrained_before_its_first_dot() {
        check("linux", "amd64", "a_linux.pb.go", true);
        check("windows", "amd64", "a_linux.pb.go", false);
        check("linux", "amd64", "a.pb_windows.go", true);
    }

    #[test]
    fn f02_a_user_tag_opens_file_names() {
        let mut target = Target::new("linux", "amd64");
        target.tags.insert("windows".into());
        assert_eq!(file_name_matches(b"x_windows.go", &|tag| target.tag(tag)), Tri::True);
    }

    #[test]
    fn android_illumos_and_ios_take_the_files_of_their_parents() {
        check("android", "arm64", "x_linux.go", true);
        check("illumos", "amd64", "x_solaris.go", true);
        check("ios", "arm64", "x_darwin.go", true);
        check("linux", "arm64", "x_android.go", false);
    }

    #[test]
    fn an_unknown_tag_makes_the_name_unknown_unless_another_word_excludes_it() {
        let tag = |name: &str| if name == "linux" { Tri::Unknown } else { Tri::False };
        assert_eq!(file_name_matches(b"x_linux.go", &tag), Tri::Unknown);
        assert_eq!(file_name_matches(b"x_linux_arm64.go", &tag), Tri::False);
    }

    #[track_caller]
    fn check_kind(name: &str, expected: Option<FileKind>) {
        assert_eq!(file_kind(name.as_bytes()), expected, "{name}");
    }

    #[test]
    fn the_kind_follows_the_last_extension_in_its_exact_case() {
        check_kind("a.b.go", Some(FileKind::Go));
        check_kind("a.GO", None);
        check_kind("_a.go", None);
        check_kind(".go", None);
        check_kind("go", None);
        check_kind("x.S", Some(FileKind::CAssembly));
        check_kind("x.s", Some(FileKind::Assembly));
        check_kind("x.F", Some(FileKind::Fortran));
        check_kind("x.hxx", Some(FileKind::Header));
        check_kind("x.syso", Some(FileKind::Syso));
        check_kind("x.C", None);
    }
}
