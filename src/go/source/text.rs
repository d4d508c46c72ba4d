//! Go's notions of white space, runes and quoted strings, over bytes that need not be UTF-8. It never fails on bad
//! encoding: a byte that is not UTF-8 is one replacement character, as in Go's `unicode/utf8`.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

/// The UTF-8 byte order mark.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The first character and its width; `U+FFFD` of width 1 for a byte that is not UTF-8, width 0 at the end.
pub(super) fn decode(bytes: &[u8]) -> (char, usize) {
    let Some(&first) = bytes.first() else { return (char::REPLACEMENT_CHARACTER, 0) };
    if first.is_ascii() {
        return (char::from(first), 1);
    }
    let window = bytes.get(..4).unwrap_or(bytes);
    let valid = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    valid.map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, character.len_utf8()))
}

/// The last character of non-empty bytes and its width.
fn decode_last(bytes: &[u8]) -> (char, usize) {
    for width in 1..=bytes.len().min(4) {
        let (character, found) = decode(bytes.get(bytes.len() - width..).unwrap_or_default());
        if found == width && (width > 1 || character != char::REPLACEMENT_CHARACTER) {
            return (character, width);
        }
    }
    (char::REPLACEMENT_CHARACTER, 1)
}

/// `bytes.TrimLeft` for Unicode white space.
pub(super) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    loop {
        let (character, width) = decode(bytes);
        if width == 0 || !character.is_whitespace() {
            return bytes;
        }
        bytes = bytes.get(width..).unwrap_or_default();
    }
}

/// `bytes.TrimSpace`: without the Unicode white space on both sides.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while !bytes.is_empty() {
        let (character, width) = decode_last(bytes);
        if !character.is_whitespace() {
            break;
        }
        bytes = bytes.get(..bytes.len() - width).unwrap_or_default();
    }
    bytes
}

/// How many newlines a part of a text has; an empty or impossible range has none.
pub(super) fn newlines(bytes: &[u8], range: Range<usize>) -> usize {
    bytes.get(range).map_or(0, |part| memchr_iter(b'\n', part).count())
}

/// The line of an offset, counted from 1.
pub(super) fn line_of(bytes: &[u8], offset: usize) -> u32 {
    let before = newlines(bytes, 0..offset.min(bytes.len()));
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// The value of a Go string literal, quoted or raw, as `strconv.Unquote`; `None` if it is not one.
pub(super) fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (&quote, rest) = literal.split_first()?;
    let inner = rest.strip_suffix(&[quote])?;
    match quote {
        b'`' if !inner.contains(&b'`') => Some(inner.iter().copied().filter(|byte| *byte != b'\r').collect()),
        b'"' => unescape(inner),
        _ => None,
    }
}

fn unescape(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' | b'\n' => return None,
            b'\\' => rest = escape(rest, &mut value)?,
            _ => value.push(byte),
        }
    }
    Some(value)
}

/// Reads what follows a backslash; returns what is left.
fn escape<'a>(rest: &'a [u8], value: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&kind, after) = rest.split_first()?;
    let plain = match kind {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'"' => kind,
        b'0'..=b'7' => return digits(rest, 3, 8, false, value),
        b'x' => return digits(after, 2, 16, false, value),
        b'u' => return digits(after, 4, 16, true, value),
        b'U' => return digits(after, 8, 16, true, value),
        _ => return None,
    };
    value.push(plain);
    Some(after)
}

fn digits<'a>(rest: &'a [u8], count: usize, radix: u32, rune: bool, value: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (digits, after) = rest.split_at_checked(count)?;
    let number = digits
        .iter()
        .try_fold(0_u32, |number, digit| Some((number << radix.ilog2()) | char::from(*digit).to_digit(radix)?))?;
    if rune {
        let character = char::from_u32(number)?;
        value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        value.push(u8::try_from(number).ok()?);
    }
    Some(after)
}

/// The length of the Go string literal that a text begins with; `None` if it begins with none.
pub(super) fn quoted_prefix(text: &[u8]) -> Option<usize> {
    let (&quote, rest) = text.split_first()?;
    if quote == b'`' {
        return memchr(b'`', rest).map(|end| end + 2);
    }
    let mut bytes = rest.iter().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'\n' => return None,
            b'"' => return Some(index + 2),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_knows_unicode_space_and_survives_bad_encoding() {
        assert_eq!(trim(b" \t\x0b\x0c\r\na b\n"), b"a b");
        assert_eq!(trim("\u{a0}\u{85}x\u{2003}".as_bytes()), b"x");
        assert_eq!(trim(b"\xa0x\xff"), b"\xa0x\xff");
        assert_eq!(trim(b"  "), b"");
    }

    #[track_caller]
    fn check_unquote(literal: &str, expected: Option<&[u8]>) {
        assert_eq!(unquote(literal.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn strings_are_unquoted_as_in_go() {
        check_unquote(r#""f\x6dt""#, Some(b"fmt"));
        check_unquote(r#""\146\u006d\U00000074""#, Some(b"fmt"));
        check_unquote("`a\r\\b`", Some(b"a\\b"));
        check_unquote(r#""\xff""#, Some(b"\xff"));
        check_unquote(r#""\ud800""#, None);
        check_unquote(r#""\'""#, None);
        check_unquote(r#""\400""#, None);
        check_unquote(r#""a"b""#, None);
        check_unquote("\"", None);
        check_unquote("'a'", None);
    }
}
