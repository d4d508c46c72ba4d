//! Turns what a registry answers to a request without credentials, `WWW-Authenticate`, into how it wants to be told them.

/// How a registry wants to be told who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token with each request, which another address gives for user and password, or to anybody.
    Bearer {
        /// Where tokens are had.
        realm: String,
        /// What the token is for.
        service: Option<String>,
    },
}

impl Challenge {
    /// The first challenge in a header that can be met, tokens before passwords (RFC 9110, section 11.6.1).
    pub(super) fn parse<'h>(headers: impl Iterator<Item = &'h str>) -> Option<Self> {
        let mut basic = false;
        for header in headers {
            for (scheme, parameters) in challenges(header) {
                let parameter = |name: &str| {
                    let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.clone())
                };
                if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = parameter("realm")
                {
                    return Some(Self::Bearer { realm, service: parameter("service") });
                }
                basic |= scheme.eq_ignore_ascii_case("basic");
            }
        }
        basic.then_some(Self::Basic)
    }
}

/// The schemes in a header, each with its parameters.
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix('=') {
            Some(value) => {
                let (value, left) = value_of(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_owned(), value));
                }
                rest = left;
            }
            None => {
                found.push((word.to_owned(), Vec::new()));
                rest = after;
            }
        }
    }
}

/// A parameter's value, a word or a quoted text, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(headers: &[&str], expected: Option<&Challenge>) {
        assert_eq!(Challenge::parse(headers.iter().copied()).as_ref(), expected);
    }

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub =
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        check(&[hub], Some(&bearer("https://auth.docker.io/token", Some("registry.docker.io"))));
        check(&[r#"Basic realm="Registry Realm""#], Some(&Challenge::Basic));
        check(&["BASIC"], Some(&Challenge::Basic));
        check(&[r#"Basic realm="x", Bearer realm="https://t/""#], Some(&bearer("https://t/", None)));
        check(&["Basic realm=x", "bearer Realm=\"https://t/\""], Some(&bearer("https://t/", None)));
        check(&[r#"Bearer realm = "a\"b\\c" , service=plain"#], Some(&bearer("a\"b\\c", Some("plain"))));
        check(&["Bearer service=x"], None);
        check(&["Negotiate", "Digest realm=\"x\""], None);
        check(&[], None);
        check(&["=\"", "\"", "Bearer realm=\"open"], Some(&bearer("open", None)));
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(header in "[ -~]{0,60}|(Bearer|Basic|realm|=|,|\"| |\\\\|é){0,12}") {
            let _ = Challenge::parse(std::iter::once(header.as_str()));
        }
    }
}
