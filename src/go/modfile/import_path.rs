//! Says whether a text can be an import path, by the rules of `module.CheckImportPath` of `golang.org/x/mod`.

/// Names that no file on Windows can have, whatever follows a dot.
const RESERVED_ON_WINDOWS: &[&str] = &["con", "prn", "aux", "nul"];

/// Whether Go accepts the text as the import path of a package, or as the path of a main module.
pub fn is_import_path(path: &str) -> bool {
    !path.starts_with('-') && path.split('/').all(is_element)
}

fn is_element(element: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+');
    !element.is_empty() && !element.ends_with('.') && element.bytes().all(allowed) && !is_trouble_on_windows(element)
}

fn is_trouble_on_windows(element: &str) -> bool {
    let stem = element.split('.').next().unwrap_or(element);
    let is_reserved = RESERVED_ON_WINDOWS.iter().any(|name| stem.eq_ignore_ascii_case(name)) || is_port(stem);
    let is_short_name = stem
        .rsplit_once('~')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    is_reserved || is_short_name
}

/// `com1` to `com9` and `lpt1` to `lpt9`.
fn is_port(stem: &str) -> bool {
    match stem.as_bytes() {
        [kind @ .., b'1'..=b'9'] => kind.eq_ignore_ascii_case(b"com") || kind.eq_ignore_ascii_case(b"lpt"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: bool) {
        assert_eq!(is_import_path(path), expected, "{path}");
    }

    #[test]
    fn import_paths_are_those_of_go() {
        check("ex.io/a/v2", true);
        check("fmt", true);
        check("ex.io/c++/~x/_y/.z/a..b", true);
        check("ex.io/com10/com0/console/a~1b/x.con", true);
        check("", false);
        check("-a", false);
        check("a/-b", true);
        check("/a", false);
        check("a//b", false);
        check("a/", false);
        check(".", false);
        check("a/../b", false);
        check("a./b", false);
        check("a b", false);
        check("a@v1", false);
        check("größe", false);
        check("a/CON", false);
        check("a/com1.x", false);
        check("a/lpt9", false);
        check("a/name~12.x", false);
    }
}
