//! Go's `path.Match` over bytes. It never knows a `**` or a brace, and never takes longer than the product of the two
//! lengths.

use super::text::decode;

/// The pattern is malformed: an open class, an empty range or a lone backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether a pattern (`*`, `?`, `[a-z]`, `[^a]`, `\x`) matches all of a name, as `path.Match`.
///
/// # Errors
/// [`BadPattern`] where Go says `ErrBadPattern`, which does not depend on the name.
pub fn path_match(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    let mut rest = pattern;
    while !rest.is_empty() {
        let (_, mut chunk, after) = next_chunk(rest);
        while !chunk.is_empty() {
            chunk = match_operator(chunk, b"")?.1;
        }
        rest = after;
    }
    match_checked(pattern, name)
}

/// The same for a pattern that is known to be well formed: it gives up as early as it can.
fn match_checked(mut pattern: &[u8], mut name: &[u8]) -> Result<bool, BadPattern> {
    while !pattern.is_empty() {
        let (star, chunk, rest) = next_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        match match_after_star(star, chunk, name, rest.is_empty())? {
            Some(left) => name = left,
            None => return Ok(false),
        }
    }
    Ok(name.is_empty())
}

/// What is left of a name after the leftmost match of a chunk; the last chunk has to leave nothing.
fn match_after_star<'a>(
    star: bool,
    chunk: &[u8],
    mut name: &'a [u8],
    last: bool,
) -> Result<Option<&'a [u8]>, BadPattern> {
    loop {
        if let Some(left) = match_chunk(chunk, name)?
            && (left.is_empty() || !last)
        {
            return Ok(Some(left));
        }
        match name.split_first() {
            Some((byte, after)) if star && *byte != b'/' => name = after,
            _ => return Ok(None),
        }
    }
}

/// What is left of a name after a chunk without stars; `None` if it does not match.
fn match_chunk<'a>(mut chunk: &[u8], mut name: &'a [u8]) -> Result<Option<&'a [u8]>, BadPattern> {
    while !chunk.is_empty() {
        let (left, rest) = match_operator(chunk, name)?;
        let Some(left) = left else { return Ok(None) };
        (chunk, name) = (rest, left);
    }
    Ok(Some(name))
}

/// Applies the first operator of a chunk: what it leaves of the name, if it matches, and of the chunk.
fn match_operator<'p, 'n>(chunk: &'p [u8], name: &'n [u8]) -> Result<(Option<&'n [u8]>, &'p [u8]), BadPattern> {
    let Some((operator, rest)) = chunk.split_first() else { return Ok((Some(name), chunk)) };
    let (character, width) = decode(name);
    let after = name.get(width..).filter(|_| width > 0);
    match operator {
        b'[' => {
            let (matched, rest) = match_class(rest, character)?;
            Ok((after.filter(|_| matched), rest))
        }
        b'?' => Ok((after.filter(|_| character != '/'), rest)),
        _ => {
            let (literal, rest) =
                if *operator == b'\\' { rest.split_first().ok_or(BadPattern)? } else { (operator, rest) };
            Ok((name.strip_prefix(std::slice::from_ref(literal)), rest))
        }
    }
}

/// Splits off the stars and the run of single-character operators that a pattern begins with.
fn next_chunk(mut pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let mut star = false;
    while let Some(rest) = pattern.strip_prefix(b"*") {
        pattern = rest;
        star = true;
    }
    let mut in_class = false;
    let mut bytes = pattern.iter().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => {
                let (chunk, rest) = pattern.split_at(index);
                return (star, chunk, rest);
            }
            _ => {}
        }
    }
    (star, pattern, &[])
}

/// Whether a class, from after its `[`, holds a character; and what follows its `]`.
fn match_class(mut class: &[u8], character: char) -> Result<(bool, &[u8]), BadPattern> {
    let negated = class.first() == Some(&b'^');
    if negated {
        class = class.get(1..).unwrap_or_default();
    }
    let mut matched = false;
    let mut ranges = 0;
    loop {
        if ranges > 0
            && let Some(rest) = class.strip_prefix(b"]")
        {
            return Ok((matched != negated, rest));
        }
        let (low, rest) = class_member(class)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => class_member(rest)?,
            None => (low, rest),
        };
        matched = matched || (low <= character && character <= high);
        class = rest;
        ranges += 1;
    }
}

/// One possibly escaped member of a class. Something has to follow it, if only the `]`.
fn class_member(class: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    let class = match class.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => class.get(1..).unwrap_or_default(),
        Some(_) => class,
    };
    let (character, width) = decode(class);
    if width == 0 || (character == char::REPLACEMENT_CHARACTER && width == 1) {
        return Err(BadPattern);
    }
    match class.get(width..) {
        Some(rest) if !rest.is_empty() => Ok((character, rest)),
        _ => Err(BadPattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: Result<bool, BadPattern>) {
        assert_eq!(path_match(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} against {name}");
    }

    #[test]
    fn names_match_as_in_go() {
        for (pattern, name) in [
            ("abc", "abc"),
            ("*", "abc"),
            ("*c", "abc"),
            ("a*", "a"),
            ("a*/b", "abc/b"),
            ("a*b*c*d*e*/f", "axbxcxdxe/f"),
            ("a*b?c*x", "abxbbxdbxebxczzx"),
            ("ab[c]", "abc"),
            ("ab[b-d]", "abc"),
            ("ab[^e-g]", "abc"),
            ("a\\*b", "a*b"),
            ("a?b", "a☺b"),
            ("a[^a]b", "a☺b"),
            ("[a-ζ]*", "α"),
            ("[\\]a]", "]"),
            ("[\\-x]", "-"),
            ("[x\\-]", "-"),
            ("*x", "xxx"),
            ("br[[]1].txt", "br[1].txt"),
            ("*", ""),
        ] {
            check(pattern, name, Ok(true));
        }
        for (pattern, name) in [
            ("a*", "ab/c"),
            ("a*/b", "a/c/b"),
            ("ab[e-g]", "abc"),
            ("ab[^b-d]", "abc"),
            ("a???b", "a☺b"),
            ("*[a-ζ]", "A"),
            ("a?b", "a/b"),
            ("a*b?c*x", "abxbbxdbxebxczzy"),
            ("**/x", "a/b/x"),
            ("sub/{x,y}.txt", "sub/x.txt"),
            ("a", ""),
            ("", "a"),
        ] {
            check(pattern, name, Ok(false));
        }
        for (pattern, name) in [
            ("[]a]", "]"),
            ("[-]", "-"),
            ("[x-]", "x"),
            ("[-x]", "x"),
            ("\\", "a"),
            ("[a-b-c]", "a"),
            ("[", "a"),
            ("[^", "a"),
            ("[^bc", "a"),
            ("a[", "a"),
            ("a[", "ab"),
            ("a[", "x"),
            ("a/b[", "x"),
        ] {
            check(pattern, name, Err(BadPattern));
        }
        check("*x", "xxx/", Ok(false));
    }

    #[test]
    fn a_hostile_pattern_does_not_blow_up() {
        let pattern = "a*".repeat(2000) + "b";
        check(&pattern, &"a".repeat(4000), Ok(false));
        let pattern = format!("*{}b", "a".repeat(1_000_000));
        check(&pattern, &"a".repeat(4000), Ok(false));
    }
}
