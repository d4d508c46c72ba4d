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
    let name: Vec<char> = String::from_utf8_lossy(name).chars().collect();
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

enum Part {
    Star,
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Part {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::One(one) => *one == character,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
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
                Part::Class { negated, ranges }
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
        check("*", "", true);
        check("", "", true);
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
