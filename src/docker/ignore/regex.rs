//! Turns a regular expression that was made of a pattern into whether it matches a path, as Go's package `regexp` does.
//!
//! It never backtracks: all ways to match are followed at once, for the path and the folders that it is in.

use std::ops::ControlFlow;
use std::str::Chars;

use super::super::matching::{self, Class};
use super::pattern::prefixes;

/// `.*/`, or nothing.
pub(super) const FOLDERS: &str = "(.*/)?";

/// What Go allows.
const MOST_REPETITIONS: usize = 1000;

/// More are not needed for any path that a system allows.
const MOST_PARTS: usize = 16 * 1024;

/// What is left of Go's regular expressions after such a translation: alternatives that are not nested, and of groups
/// only [`FOLDERS`].
#[derive(Debug)]
pub(super) struct Regex {
    /// The alternatives, one after the other.
    parts: Vec<Part>,
    /// Where they start.
    starts: Vec<usize>,
    /// What the text of a match starts with.
    prefix: String,
    /// What it ends with.
    suffix: String,
    /// How many bytes it has at least.
    least: usize,
}

#[derive(Clone, Debug)]
enum Part {
    One(char),
    Class(Class),
    /// Any number of them.
    Repeat(Class),
    /// The next part may be left out.
    Optional,
    /// All up to a slash.
    Folders,
    Start,
    End,
    /// Whether a word begins or ends here, or not.
    WordBoundary(bool),
    /// The end of an alternative.
    Match,
}

impl Part {
    fn anything() -> Self {
        Self::Repeat(Class { negated: true, ranges: Vec::new() })
    }
}

impl Regex {
    /// Reads the regular expression of `BuildKit` for a pattern, without the `^` before it.
    pub(super) fn compile(text: &str) -> Option<Self> {
        let mut regex =
            Self { parts: Vec::new(), starts: vec![0], prefix: String::new(), suffix: String::new(), least: 0 };
        let (mut rest, mut is_anchored) = (text, false);
        // What may be repeated: the last part, if nothing repeats it yet.
        let mut can_repeat = true;
        while !rest.is_empty() {
            is_anchored = rest == "$";
            if let Some(after) = rest.strip_prefix(FOLDERS) {
                rest = after;
                regex.parts.extend([Part::Optional, Part::Folders]);
                can_repeat = false;
            } else if let Some(quoted) = rest.strip_prefix(r"\Q") {
                let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
                regex.parts.extend(literal.chars().map(Part::One));
                rest = after;
                can_repeat = true;
            } else if let Some(after) = rest.strip_prefix('|') {
                rest = after;
                regex.parts.extend([Part::anything(), Part::Match, Part::anything()]);
                regex.starts.push(regex.parts.len() - 1);
                can_repeat = false;
            } else if let Some((least, most, after)) = repetition(rest) {
                rest = after;
                if !can_repeat {
                    return None;
                }
                regex.repeat(least, most)?;
                can_repeat = false;
            } else {
                let mut characters = rest.chars();
                regex.parts.push(atom(&mut characters)?);
                rest = characters.as_str();
                can_repeat = true;
                if let Some(after) = rest.strip_prefix('*') {
                    rest = after;
                    regex.repeat(0, None)?;
                    can_repeat = false;
                }
            }
        }
        if !is_anchored {
            // The `$` at the end is quoted or escaped, too, so that anything may follow.
            regex.parts.push(Part::anything());
        }
        regex.parts.push(Part::Match);
        regex.find_literals();
        Some(regex)
    }

    /// Repeats the last part.
    fn repeat(&mut self, least: usize, most: Option<usize>) -> Option<()> {
        if least.max(most.unwrap_or(0)) > MOST_REPETITIONS || most.is_some_and(|most| most < least) {
            return None;
        }
        let Some(part) = self.parts.pop() else {
            // The `^` before everything, which is not a part.
            self.parts.extend((least == 0).then(Part::anything));
            return Some(());
        };
        let class = match &part {
            Part::One(one) => Class { negated: false, ranges: vec![(*one, *one)] },
            Part::Class(class) => class.clone(),
            _ => {
                self.parts.extend((least > 0).then_some(part));
                return Some(());
            }
        };
        self.parts.extend(std::iter::repeat_n(part.clone(), least));
        match most {
            None => self.parts.push(Part::Repeat(class)),
            Some(most) => self.parts.extend((least..most).flat_map(|_| [Part::Optional, part.clone()])),
        }
        (self.parts.len() <= MOST_PARTS).then_some(())
    }

    /// Sets what tells quickly that a path cannot match.
    fn find_literals(&mut self) {
        let [body @ .., Part::End, Part::Match] = &*self.parts else { return };
        if self.starts.len() > 1 {
            return;
        }
        let is_optional =
            |at: usize| at.checked_sub(1).is_some_and(|before| matches!(body.get(before), Some(Part::Optional)));
        let literals = || {
            body.iter().enumerate().map(|(at, part)| match part {
                Part::One(one) if !is_optional(at) && *one != char::REPLACEMENT_CHARACTER => Some(*one),
                _ => None,
            })
        };
        let suffix: Vec<char> = literals().collect::<Vec<_>>().into_iter().rev().map_while(|one| one).collect();
        let is_needed =
            |(at, part): &(usize, &Part)| matches!(part, Part::One(_) | Part::Class(_)) && !is_optional(*at);
        self.least = body.iter().enumerate().filter(is_needed).count();
        self.prefix = literals().map_while(|one| one).collect();
        self.suffix = suffix.into_iter().rev().collect();
    }

    /// How many parts it has.
    pub(super) fn size(&self) -> usize {
        self.parts.len()
    }

    /// Tells the levels of [`prefixes`] that match, in order, until it is told to stop.
    pub(super) fn each_match(&self, path: &[u8], visit: &mut dyn FnMut(usize) -> ControlFlow<()>) {
        let can_match = path.len() >= self.least
            && path.starts_with(self.prefix.as_bytes())
            && (self.suffix.is_empty() || prefixes(path).any(|(_, path)| path.ends_with(self.suffix.as_bytes())));
        if can_match {
            let words = self.parts.len().div_ceil(64);
            let (mut few, mut many) = ([0; 6], Vec::new());
            let sets = if words <= 2 {
                few.get_mut(..words * 3).unwrap_or_default()
            } else {
                many.resize(words * 3, 0);
                many.as_mut_slice()
            };
            self.follow(path, sets, visit);
        }
    }

    /// Follows all ways to match at once; the sets are three of places in the expression, as bits.
    fn follow(&self, path: &[u8], sets: &mut [u64], visit: &mut dyn FnMut(usize) -> ControlFlow<()>) {
        let words = sets.len() / 3;
        let (places, sets) = sets.split_at_mut(words);
        let (next_places, scratch) = sets.split_at_mut(words);
        let mut characters = matching::characters(path);
        let (mut before, mut level) = (None, 0);
        for start in &self.starts {
            set(places, *start);
        }
        loop {
            let next = characters.next();
            if next.is_none_or(|next| next == '/') {
                scratch.copy_from_slice(places);
                if self.skip_optional(scratch, before, None) && visit(level).is_break() {
                    return;
                }
                level += 1;
            }
            let Some(next) = next else { return };
            self.skip_optional(places, before, Some(next));
            next_places.fill(0);
            if !self.step(places, next_places, next) {
                return;
            }
            places.copy_from_slice(next_places);
            before = Some(next);
        }
    }

    /// Adds the places that are reached without taking a character, and tells whether an alternative matches.
    fn skip_optional(&self, places: &mut [u64], before: Option<char>, next: Option<char>) -> bool {
        let (mut from, mut is_match) = (0, false);
        while let Some(place) = first_from(places, from) {
            from = place + 1;
            let is_passed = match self.parts.get(place) {
                Some(Part::Repeat(_)) => true,
                Some(Part::Optional) => {
                    set(places, place + 2);
                    true
                }
                Some(Part::Start) => before.is_none(),
                Some(Part::End) => next.is_none(),
                Some(Part::WordBoundary(wanted)) => {
                    (before.is_some_and(is_word) != next.is_some_and(is_word)) == *wanted
                }
                Some(Part::Match) => {
                    is_match = true;
                    false
                }
                _ => false,
            };
            if is_passed {
                set(places, place + 1);
            }
        }
        is_match
    }

    /// Takes a character, and tells whether there is a way on.
    fn step(&self, places: &[u64], next_places: &mut [u64], next: char) -> bool {
        let (mut from, mut is_alive) = (0, false);
        while let Some(place) = first_from(places, from) {
            from = place + 1;
            let (stays, moves) = match self.parts.get(place) {
                Some(Part::One(one)) => (false, *one == next),
                Some(Part::Class(class)) => (false, class.contains(next)),
                Some(Part::Repeat(class)) => (class.contains(next), false),
                Some(Part::Folders) => (next != '\n', next == '/'),
                _ => (false, false),
            };
            is_alive |= stays || moves;
            if stays {
                set(next_places, place);
            }
            if moves {
                set(next_places, place + 1);
            }
        }
        is_alive
    }
}

/// What `{1,2}` and the like at the start of a text say: how often, and what comes after it.
fn repetition(text: &str) -> Option<(usize, Option<usize>, &str)> {
    let (counts, after) = text.strip_prefix('{')?.split_once('}')?;
    let number = |digits: &str| -> Option<usize> {
        let is_number =
            digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        (is_number && !digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX))
    };
    Some(match counts.split_once(',') {
        None => (number(counts)?, Some(number(counts)?), after),
        Some((least, "")) => (number(least)?, None, after),
        Some((least, most)) => (number(least)?, Some(number(most)?), after),
    })
}

fn set(places: &mut [u64], place: usize) {
    if let Some(word) = places.get_mut(place / 64) {
        *word |= 1 << (place % 64);
    }
}

/// The first place in the set that is not below another.
fn first_from(places: &[u64], from: usize) -> Option<usize> {
    let mut word = from / 64;
    let mut bits = places.get(word)? & (u64::MAX << (from % 64));
    while bits == 0 {
        word += 1;
        bits = *places.get(word)?;
    }
    Some(word * 64 + bits.trailing_zeros() as usize)
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_ascii_alphanumeric()
}

/// One part of a regular expression, without what repeats it.
fn atom(rest: &mut Chars<'_>) -> Option<Part> {
    Some(match rest.next()? {
        '^' => Part::Start,
        '$' => Part::End,
        '.' => Part::Class(Class { negated: true, ranges: vec![('\n', '\n')] }),
        '[' => Part::Class(class(rest)?),
        '\\' => match rest.clone().next()? {
            'A' => passed(rest, Part::Start),
            'z' => passed(rest, Part::End),
            'b' => passed(rest, Part::WordBoundary(true)),
            'B' => passed(rest, Part::WordBoundary(false)),
            name => match perl_class(name) {
                Some(ranges) => passed(rest, Part::Class(Class { negated: false, ranges })),
                None => Part::One(escape(rest)?),
            },
        },
        character => Part::One(character),
    })
}

fn passed<T>(rest: &mut Chars<'_>, value: T) -> T {
    rest.next();
    value
}

/// What follows the `[` of a class, up to its end.
fn class(rest: &mut Chars<'_>) -> Option<Class> {
    let mut class = Class::default();
    if rest.as_str().starts_with('^') {
        class.negated = passed(rest, true);
    }
    let mut is_first = true;
    while is_first || !rest.as_str().starts_with(']') {
        is_first = false;
        let text = rest.as_str();
        if let Some((name, after)) = text.strip_prefix("[:").and_then(|name| name.split_once(":]")) {
            class.ranges.extend(match name.strip_prefix('^') {
                Some(name) => complement(&posix_class(name)?),
                None => posix_class(name)?,
            });
            *rest = after.chars();
        } else if let Some(ranges) = text.strip_prefix('\\').and_then(|name| perl_class(name.chars().next()?)) {
            class.ranges.extend(ranges);
            rest.nth(1);
        } else {
            let low = member(rest)?;
            let text = rest.as_str();
            let has_high = text.starts_with('-') && text.len() > 1 && !text.starts_with("-]");
            if has_high {
                rest.next();
            }
            let high = if has_high { member(rest)? } else { low };
            if high < low {
                return None;
            }
            class.ranges.push((low, high));
        }
    }
    rest.next();
    Some(class)
}

/// A character of a class.
fn member(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        '\\' => escape(rest),
        character => Some(character),
    }
}

/// The character that an escape stands for, after the backslash.
fn escape(rest: &mut Chars<'_>) -> Option<char> {
    let octal = |rest: &Chars<'_>| rest.clone().next()?.to_digit(8);
    match rest.next()? {
        'a' => Some('\x07'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        'x' => char::from_u32(rest.next()?.to_digit(16)? * 16 + rest.next()?.to_digit(16)?),
        // A digit alone would be what a group has matched.
        first @ '0'..='7' if first == '0' || octal(rest).is_some() => {
            let mut code = first.to_digit(8)?;
            for _ in 0..2 {
                if let Some(digit) = octal(rest) {
                    code = code * 8 + digit;
                    rest.next();
                }
            }
            char::from_u32(code)
        }
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some(other),
        _ => None,
    }
}

/// The characters of `\d` and the like.
fn perl_class(name: char) -> Option<Vec<(char, char)>> {
    let ranges = match name.to_ascii_lowercase() {
        'd' => vec![('0', '9')],
        's' => vec![('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        'w' => posix_class("word")?,
        _ => return None,
    };
    Some(if name.is_ascii_uppercase() { complement(&ranges) } else { ranges })
}

/// The characters of `[:alpha:]` and the like, in order.
fn posix_class(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "alnum" => vec![('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => vec![('A', 'Z'), ('a', 'z')],
        "ascii" => vec![('\0', '\x7f')],
        "blank" => vec![('\t', '\t'), (' ', ' ')],
        "cntrl" => vec![('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => vec![('0', '9')],
        "graph" => vec![('!', '~')],
        "lower" => vec![('a', 'z')],
        "print" => vec![(' ', '~')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => vec![('\t', '\r'), (' ', ' ')],
        "upper" => vec![('A', 'Z')],
        "word" => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => vec![('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

/// What ranges of ASCII that are in order leave out.
fn complement(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let mut left_out = Vec::new();
    let mut from = '\0';
    for (low, high) in ranges {
        if from < *low
            && let Some(before) = (from..*low).next_back()
        {
            left_out.push((from, before));
        }
        from = (*high..).nth(1).unwrap_or(char::MAX);
    }
    left_out.push((from, char::MAX));
    left_out
}
