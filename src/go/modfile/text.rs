//! Turns a word of a file into the text it stands for: bare, in double quotes, or (an extension) in backquotes.
//!
//! The rules are those of `parseString` in `golang.org/x/mod/modfile/rule.go` and of `strconv.Unquote`.

use super::entries::Word;
use super::problem::{Problem, quote};

/// The text of a word.
pub(super) fn text(word: &Word<'_>) -> Result<String, Problem> {
    let bytes = match word.bytes {
        [b'"', inner @ .., b'"'] => {
            unescape(inner).ok_or_else(|| problem(word, "is not a valid string; write it as in Go source"))?
        }
        [b'`', inner @ .., b'`'] => inner.iter().copied().filter(|byte| *byte != b'\r').collect(),
        bare if bare.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`')) => {
            return Err(problem(word, "has a quote inside; put the whole word in double quotes"));
        }
        bare => bare.to_vec(),
    };
    String::from_utf8(bytes).map_err(|_| problem(word, "is not valid UTF-8; such names are not supported"))
}

fn problem(word: &Word<'_>, what: &str) -> Problem {
    Problem::new(word.at, format!("{} {what}", quote(word.bytes)))
}

/// The content of a string in double quotes, or `None` if it is not one.
fn unescape(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' | b'\n' => return None,
            b'\\' => escape(after, &mut bytes)?,
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    Some(bytes)
}

/// Appends what the escape after a backslash stands for, and returns what follows it.
fn escape<'a>(after: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, after) = after.split_first()?;
    let simple = match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => *kind,
        b'x' => {
            let (value, after) = number(after, 2, 16)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(after);
        }
        b'0'..=b'7' => {
            let (value, after) = number(after, 2, 8)?;
            bytes.push(u8::try_from(u32::from(kind - b'0') * 64 + value).ok()?);
            return Some(after);
        }
        b'u' | b'U' => {
            let (value, after) = number(after, if *kind == b'u' { 4 } else { 8 }, 16)?;
            let character = char::from_u32(value)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(after);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(after)
}

/// A number of exactly so many digits, and what follows it.
fn number(bytes: &[u8], digits: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (number, after) = bytes.split_at_checked(digits)?;
    let mut value: u32 = 0;
    for byte in number {
        value = value.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?)?;
    }
    Some((value, after))
}

#[cfg(test)]
mod tests {
    use super::super::problem::Position;
    use super::*;

    #[track_caller]
    fn check(word: &[u8], expected: Option<&str>) {
        let outcome = text(&Word { bytes: word, at: Position::START });
        assert_eq!(outcome.as_deref().ok(), expected, "{outcome:?}");
    }

    #[test]
    fn bare_words_stand_for_themselves() {
        check(b"ex.io/a", Some("ex.io/a"));
        check(b"(", Some("("));
        check(b"'a'", None);
        check(b"a\"b\"", None);
        check(b"a`b", None);
    }

    #[test]
    fn strings_are_unquoted_as_in_go() {
        check(br#""""#, Some(""));
        check(br#""a b""#, Some("a b"));
        check(br#""\x41\102\u00e4\U0001F600\"\\\t""#, Some("ABä😀\"\\\t"));
        check(br#""\'""#, None);
        check(br#""\400""#, None);
        check(br#""\ud800""#, None);
        check(br#""\U99999999""#, None);
        check(br#""\x4""#, None);
        check(br#""\q""#, None);
        check(b"\"a\\\nb\"", None);
    }

    #[test]
    fn raw_strings_are_accepted() {
        check(b"`a\\n b`", Some("a\\n b"));
        check(b"`a\rb`", Some("ab"));
        check(b"``", Some(""));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        check(b"a\xff", None);
        check(br#""\xff""#, None);
        check(br#""\xc3\xa4""#, Some("ä"));
    }
}
