//! Says whether a text is a legal image repository, tag or registry, before it reaches a command line or a URL.
//!
//! The grammar is that of the OCI distribution specification and of Docker's references. No registry is asked.

use super::error::shown;

/// The longest repository name that registries take, with the registry's host.
const LONGEST_REPOSITORY: usize = 255;

/// The longest tag.
const LONGEST_TAG: usize = 128;

/// Checks `host:port/path/name`, without tag and digest.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_repository(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the image repository is empty".to_owned());
    }
    if text.len() > LONGEST_REPOSITORY {
        return Err(format!("the image repository is longer than {LONGEST_REPOSITORY} characters"));
    }
    if text.contains("://") {
        return Err(format!("the image repository `{}` has a scheme; write it without", shown(text)));
    }
    if text.contains('@') {
        return Err(format!("the image repository `{}` has a digest; write it without", shown(text)));
    }
    let (host, path) = split_repository(text);
    host.map_or(Ok(()), check_registry)?;
    path.split('/').try_for_each(|element| check_element(text, element))
}

/// The registry that a repository names, if it names one, and the rest of it.
pub fn split_repository(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, path)) if is_host(first) => (Some(first), path),
        _ => (None, text),
    }
}

/// Checks a tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_tag(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the tag is empty".to_owned());
    }
    if text.len() > LONGEST_TAG {
        return Err(format!("the tag `{}` is longer than {LONGEST_TAG} characters", shown(text)));
    }
    if let Some(wrong) = text.chars().find(|character| !is_tag_character(*character)) {
        return Err(format!("the tag `{}` has the character `{}`", shown(text), shown(&wrong.to_string())));
    }
    if text.starts_with(['.', '-']) {
        return Err(format!("the tag `{}` begins with `.` or `-`", shown(text)));
    }
    Ok(())
}

/// Checks a registry: a host name or address, with or without a port.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_registry(text: &str) -> Result<(), String> {
    let wrong = || format!("`{}` is not a registry; write it as `host` or `host:port`", shown(text));
    let (host, port) = match text.strip_prefix('[') {
        Some(address) => {
            let (address, after) = address.split_once(']').ok_or_else(wrong)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            ("", if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(wrong)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let legal_port =
        port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse() != Ok(0_u16));
    let legal_port = legal_port && port.is_none_or(|port| port.parse::<u16>().is_ok());
    let legal_host = text.starts_with('[') || (host.len() <= 253 && host.split('.').all(is_host_label));
    if legal_port && legal_host { Ok(()) } else { Err(wrong()) }
}

/// Whether the first element of a reference is a registry, as Docker decides it.
fn is_host(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.starts_with('[')
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_tag_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

/// Checks one path element: `[a-z0-9]+` runs, with `.`, `_`, `__` or dashes between them.
fn check_element(repository: &str, element: &str) -> Result<(), String> {
    let repository = shown(repository);
    if element.is_empty() {
        return Err(format!("the image repository `{repository}` has an empty path element"));
    }
    if element.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("the image repository `{repository}` must be in lower case"));
    }
    let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    if let Some(wrong) = element.chars().find(|character| !is_plain(*character) && !"._-:".contains(*character)) {
        return Err(format!("the image repository `{repository}` has the character `{}`", shown(&wrong.to_string())));
    }
    if element.contains(':') {
        return Err(format!("the image repository `{repository}` has a tag; tags have a key of their own"));
    }
    let mut separators = element.split(is_plain).filter(|separator| !separator.is_empty());
    let legal =
        separators.all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-'));
    if !legal || !element.starts_with(is_plain) || !element.ends_with(is_plain) {
        return Err(format!(
            "the image repository `{repository}` has the path element `{}`; it must begin and end with a letter or \
             digit, with one `.`, `_`, `__` or dashes between",
            shown(element)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: Result<(), String>, expected: Option<&str>) {
        match (result, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) if error.contains(expected) => {}
            (result, expected) => panic!("expected {expected:?}, got {result:?}"),
        }
    }

    #[test]
    fn repositories_follow_the_oci_grammar() {
        for legal in [
            "app",
            "acme/app",
            "ghcr.io/acme/app",
            "localhost/app",
            "localhost:5000/a/b/c",
            "registry.example.com:443/a__b/c-d--e.f_g",
            "[::1]:5000/app",
            "Registry.example.com/app",
        ] {
            check(check_repository(legal), None);
        }
        check(check_repository(""), Some("empty"));
        check(check_repository("acme/App"), Some("lower case"));
        check(check_repository("ghcr.io/acme/app:v1"), Some("has a tag"));
        check(check_repository("app:v1"), Some("has a tag"));
        check(check_repository("ghcr.io/acme/app@sha256:00"), Some("has a digest"));
        check(check_repository("https://ghcr.io/acme/app"), Some("scheme"));
        check(check_repository("ghcr.io//app"), Some("empty path element"));
        check(check_repository("ghcr.io/app/"), Some("empty path element"));
        check(check_repository("/app"), Some("empty path element"));
        check(check_repository("acme/a..b"), Some("path element `a..b`"));
        check(check_repository("acme/a___b"), Some("path element `a___b`"));
        check(check_repository("acme/-b"), Some("path element `-b`"));
        check(check_repository("acme/b."), Some("path element `b.`"));
        check(check_repository("acme/a b"), Some("has the character ` `"));
        check(check_repository("acme/a\nb"), Some("has the character `\\n`"));
        check(check_repository("ghcr.io:port/app"), Some("not a registry"));
        check(check_repository("--flag.x/app"), Some("not a registry"));
        check(check_repository(&"a/".repeat(200)), Some("longer than 255"));
    }

    #[test]
    fn tags_follow_the_oci_grammar() {
        check(check_tag("v1.2_3-x"), None);
        check(check_tag("_"), None);
        check(check_tag(&"a".repeat(128)), None);
        check(check_tag(&"a".repeat(129)), Some("longer than 128"));
        check(check_tag(""), Some("empty"));
        check(check_tag(".a"), Some("begins with"));
        check(check_tag("-a"), Some("begins with"));
        check(check_tag("a/b"), Some("has the character `/`"));
        check(check_tag("a+b"), Some("has the character `+`"));
        check(check_tag("ä"), Some("has the character `ä`"));
    }

    #[test]
    fn registries_are_hosts_with_a_port() {
        check(check_registry("localhost:5000"), None);
        check(check_registry("10.0.0.1"), None);
        check(check_registry("[fe80::1]"), None);
        for wrong in
            ["", "a:", "a:0", "a:x", "a:70000", "a:+1", "-a", "a..b", "a/b", "http://a", "[::1", "[x]", "[::1]5"]
        {
            check(check_registry(wrong), Some("not a registry"));
        }
    }
}
