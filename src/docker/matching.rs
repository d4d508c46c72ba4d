//! Turns a wildcard of `COPY` and a name into yes or no, as `filepath.Match` of Go does for one element of a path.
//!
//! It never backtracks further than the last `*`, so that no pattern takes more than pattern times name steps.

/// Whether an element of a path is a pattern and not a plain name.
pub(super) fn is_wildcard(element: &str) -> bool {
    element.contains(['*', '?', '[', '\\'])
}

/// Whether a name matches a pattern. A malformed pattern matches nothing.
pub(super) fn matches(pattern: &str, name: &[u8]) -> bool {
    let Some(pattern) = compile(pattern) else { return false };
    let name: Vec<char> = characters(name).collect();
    let (mut at, mut position) = (0, 0);
    let mut last_star = None;
    while let Some(character) = name.get(position) {
        match pattern.get(at) {
            Some(Part::Star) => {
                last_star = Some((at, position));
                at += 1;
            }
            Some(part) if part.accepts(*character) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else { return false };
                last_star = Some((star, taken + 1));
                at = star + 1;
                position = taken + 1;
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|part| matches!(part, Part::Star)))
}

/// Whether `filepath.Match` of Go complains about a pattern when the name is `.`, as builders ask it.
///
/// It reads a pattern in chunks that start with stars, and no further than the first chunk that does not match.
pub(super) fn is_refused_for_dot(pattern: &str) -> bool {
    let (chunk, rest) = first_chunk(pattern);
    let Some(parts) = compile(chunk) else { return true };
    let is_dot = matches!(&*parts, [part] if part.accepts('.'));
    is_dot && compile(first_chunk(rest).0).is_none()
}

/// What comes up to the next star that is not in a class, without stars at the start, and the rest.
fn first_chunk(pattern: &str) -> (&str, &str) {
    let pattern = pattern.trim_start_matches('*');
    let mut is_class = false;
    let mut characters = pattern.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => _ = characters.next(),
            '[' => is_class = true,
            ']' => is_class = false,
            '*' if !is_class => return pattern.split_at_checked(at).unwrap_or((pattern, "")),
            _ => {}
        }
    }
    (pattern, "")
}

/// The characters of a name as Go sees them: a byte that is not UTF-8 is one replacement character.
pub(super) fn characters(name: &[u8]) -> impl Iterator<Item = char> {
    name.utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER)))
}

/// A set of characters.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    /// Whether it holds what the ranges do not.
    pub(super) negated: bool,
    /// From the first to the last.
    pub(super) ranges: Vec<(char, char)>,
}

impl Class {
    pub(super) fn contains(&self, character: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != self.negated
    }
}

enum Part {
    Star,
    Any,
    One(char),
    Class(Class),
}

impl Part {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::One(one) => *one == character,
            Self::Class(class) => class.contains(character),
        }
    }
}

fn compile(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        parts.push(match character {
            '*' => Part::Star,
            '?' => Part::Any,
            '\\' => Part::One(rest.next()?),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                // A `]` that comes first is malformed in Go, not a member.
                while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                    let low = member(&mut rest)?;
                    let high = if rest.next_if_eq(&'-').is_some() { member(&mut rest)? } else { low };
                    ranges.push((low, high));
                }
                Part::Class(Class { negated, ranges })
            }
            _ => Part::One(character),
        });
    }
    Some(parts)
}

fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '\\' => rest.next(),
        '-' | ']' => None,
        character => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(matches(pattern, name.as_bytes()), expected, "{pattern} on {name}");
    }

    #[test]
    fn patterns_match_as_in_go() {
        check("*.json", "a.json", true);
        check("*.json", ".json", true);
        check("*.json", "a.jsonx", false);
        check("a*b*c", "a1b2b3c", true);
        check("a*b*c", "a1b2b3", false);
        check("go.su?", "go.sum", true);
        check("go.su?", "go.su", false);
        check("go.su[m]", "go.sum", true);
        check("[^a-c]x", "dx", true);
        check("[^a-c]x", "bx", false);
        check("[[]0]", "[0]", true);
        check("\\*", "*", true);
        check("?", "é", true);
        check("[é-ü]", "ö", true);
        check("*", "", true);
        check("", "", true);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_a_character_each() {
        assert!(matches("a??b", b"a\xe2\x82b"));
        assert!(!matches("a?b", b"a\xe2\x82b"));
    }

    #[test]
    fn what_follows_the_first_chunk_may_be_malformed() {
        for pattern in ["[", "a[", "\\", "*[a-]", ".*[", "?*\\", "[a*b", "[]a*]"] {
            assert!(is_refused_for_dot(pattern), "{pattern}");
        }
        for pattern in ["", "**", "a*[", "..*[", "a*\\", ".*a*[", "[*]", "\\**["] {
            assert!(!is_refused_for_dot(pattern), "{pattern}");
        }
    }

    #[test]
    fn malformed_patterns_match_nothing() {
        for pattern in ["[", "[a", "[]a]", "[a-]", "\\"] {
            check(pattern, "a", false);
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        check(&"*a".repeat(500), &"a".repeat(2000), true);
        check(&format!("{}b", "*a".repeat(500)), &"a".repeat(2000), false);
    }
}
