//! The kinds of value that keys can have. Each says what it expects, how JSON Schema says that, and how it is read, so
//! that the three cannot disagree. It never knows which key it is used for.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::error::{Mistake, Problems, shown};
use super::lint_rule::LintRule;
use super::nearest::nearest;

/// No honest list or table has more entries; what is written for each of many services must stay small.
const LONGEST_LIST: usize = 1000;

/// No honest string is longer.
const LONGEST_STRING: usize = 4096;

/// Where a value stands: its dotted key, and byte offsets in the file.
pub(super) struct Item<'a> {
    pub(super) key: &'a KeyPath<'a>,
    /// Where the value begins.
    pub(super) offset: usize,
    pub(super) value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    /// The same place in the file's structure, for a value inside of this one.
    fn inner(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        let offset = value.span().start;
        Self { key: self.key, offset, value: value.get_ref() }
    }

    /// What is said of a value of the wrong type.
    pub(super) fn wrong_type(&self, expected: &str) -> Mistake {
        Mistake::new(format!("`{}` must be {expected}, found {}", self.key, type_name(self.value)))
    }
}

/// A dotted key, such as `services.auth.go.cgo`; a link to the table that it is in.
#[derive(Clone, Copy)]
pub(super) struct KeyPath<'a> {
    pub(super) parent: Option<&'a KeyPath<'a>>,
    pub(super) name: &'a str,
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(&shown(self.name))
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A kind of value.
pub(super) trait Kind {
    /// What it is read into.
    type Out;

    /// What it must be, with an article.
    fn expected(&self) -> String;

    /// The same in the plural.
    fn expected_many(&self) -> String;

    /// The same as a JSON Schema.
    fn schema(&self) -> Value;

    /// The value, or a problem that is noted.
    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<Self::Out>;
}

/// A string of some form.
#[derive(Clone, Copy)]
pub(super) struct Text<T> {
    /// `a platform`.
    pub(super) one: &'static str,
    /// `platforms`.
    pub(super) many: &'static str,
    /// The form as a regular expression, where that says enough.
    pub(super) pattern: Option<&'static str>,
    pub(super) parse: fn(&str) -> Result<T, Mistake>,
}

impl<T> Kind for Text<T> {
    type Out = T;

    fn expected(&self) -> String {
        self.one.to_owned()
    }

    fn expected_many(&self) -> String {
        self.many.to_owned()
    }

    fn schema(&self) -> Value {
        match self.pattern {
            Some(pattern) => json!({"type": "string", "pattern": pattern}),
            None => json!({"type": "string", "minLength": 1}),
        }
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<T> {
        let DeValue::String(text) = item.value else {
            problems.add(item.offset, || {
                let mistake = item.wrong_type(&format!("a string: {}", self.one));
                match item.value {
                    DeValue::Array(_) | DeValue::Table(_) => mistake,
                    _ => mistake.hint("put it in quotes"),
                }
            });
            return None;
        };
        problems.keep(item.offset, check_text(text).and_then(|()| (self.parse)(text)))
    }
}

/// What no string of a configuration may be, whatever it is for.
fn check_text(text: &str) -> Result<(), Mistake> {
    if text.len() > LONGEST_STRING {
        return Err(Mistake::new(format!("`{}` is longer than {LONGEST_STRING} bytes", shown(text))));
    }
    if text.contains('\0') {
        return Err(Mistake::new(format!("`{}` has a NUL character", shown(text))));
    }
    Ok(())
}

/// `true` or `false`.
#[derive(Clone, Copy)]
pub(super) struct Boolean;

impl Kind for Boolean {
    type Out = bool;

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn expected_many(&self) -> String {
        "booleans".to_owned()
    }

    fn schema(&self) -> Value {
        json!({"type": "boolean"})
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<bool> {
        let DeValue::Boolean(value) = item.value else {
            problems.add(item.offset, || item.wrong_type(&self.expected()));
            return None;
        };
        Some(*value)
    }
}

/// A whole number within limits.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Kind for Integer {
    type Out = u64;

    fn expected(&self) -> String {
        if self.least == self.most {
            return format!("the integer {}", self.least);
        }
        format!("an integer from {} to {}", self.least, self.most)
    }

    fn expected_many(&self) -> String {
        format!("integers from {} to {}", self.least, self.most)
    }

    fn schema(&self) -> Value {
        if self.least == self.most {
            return json!({"const": self.least});
        }
        json!({"type": "integer", "minimum": self.least, "maximum": self.most})
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<u64> {
        let DeValue::Integer(integer) = item.value else {
            problems.add(item.offset, || item.wrong_type(&self.expected()));
            return None;
        };
        let value = to_u64(integer).filter(|value| (self.least..=self.most).contains(value));
        if value.is_none() {
            problems.add(item.offset, || {
                let found = shown(&integer.to_string());
                Mistake::new(format!("`{}` must be {}, found {found}", item.key, self.expected()))
            });
        }
        value
    }
}

fn to_u64(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// One of a few words.
#[derive(Clone, Copy)]
pub(super) struct Choice<T: 'static> {
    pub(super) words: &'static [(&'static str, T)],
}

impl<T: Copy> Choice<T> {
    fn list(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }
}

impl<T: Copy> Kind for Choice<T> {
    type Out = T;

    fn expected(&self) -> String {
        self.list()
    }

    fn expected_many(&self) -> String {
        format!("{} each", self.list())
    }

    fn schema(&self) -> Value {
        json!({"enum": self.words.iter().map(|(word, _)| *word).collect::<Vec<_>>()})
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<T> {
        let DeValue::String(text) = item.value else {
            problems.add(item.offset, || item.wrong_type(&self.list()));
            return None;
        };
        let found = self.words.iter().find(|(word, _)| word == text).map(|(_, value)| *value);
        if found.is_none() {
            problems.add(item.offset, || {
                let message = format!("`{}` must be {}, found `\"{}\"`", item.key, self.list(), shown(text));
                match nearest(text, self.words.iter().map(|(word, _)| *word)) {
                    Some(word) => Mistake::new(message).hint(format!("did you mean `\"{word}\"`?")),
                    None => Mistake::new(message),
                }
            });
        }
        found
    }
}

/// The name of a rule of `buildplan lint`. There are too many to list them all in a message.
#[derive(Clone, Copy)]
pub(super) struct RuleName;

impl Kind for RuleName {
    type Out = LintRule;

    fn expected(&self) -> String {
        "the name of a rule".to_owned()
    }

    fn expected_many(&self) -> String {
        "names of rules".to_owned()
    }

    fn schema(&self) -> Value {
        json!({"enum": LintRule::ALL.map(LintRule::as_str)})
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<LintRule> {
        let DeValue::String(text) = item.value else {
            problems.add(item.offset, || item.wrong_type("the name of a rule").hint("put it in quotes"));
            return None;
        };
        let rule = LintRule::of(text);
        if rule.is_none() {
            problems.add(item.offset, || {
                let mistake = Mistake::new(format!("there is no rule `{}`", shown(text)));
                match LintRule::nearest(text) {
                    Some(near) => mistake.hint(format!("did you mean `{}`?", near.as_str())),
                    None => mistake.hint("docs/lint.md lists them"),
                }
            });
        }
        rule
    }
}

/// A list of values of one kind.
#[derive(Clone, Copy)]
pub(super) struct List<K> {
    pub(super) of: K,
    /// Whether it may be empty.
    pub(super) may_be_empty: bool,
}

impl<K: Kind> Kind for List<K> {
    type Out = Vec<K::Out>;

    fn expected(&self) -> String {
        format!("a list of {}", self.of.expected_many())
    }

    fn expected_many(&self) -> String {
        format!("lists of {}", self.of.expected_many())
    }

    fn schema(&self) -> Value {
        let least = usize::from(!self.may_be_empty);
        json!({"type": "array", "items": self.of.schema(), "minItems": least, "maxItems": LONGEST_LIST})
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<Self::Out> {
        let DeValue::Array(elements) = item.value else {
            problems.add(item.offset, || {
                let mistake = item.wrong_type(&self.expected());
                match item.value {
                    DeValue::String(text) => mistake.hint(format!("write it as `[\"{}\"]`", shown(text))),
                    _ => mistake,
                }
            });
            return None;
        };
        if elements.is_empty() && !self.may_be_empty {
            problems.add(item.offset, || {
                Mistake::new(format!("`{}` must not be empty", item.key)).hint("leave the key out for its default")
            });
            return None;
        }
        if elements.len() > LONGEST_LIST {
            problems.add(item.offset, || Mistake::new(format!("`{}` has more than {LONGEST_LIST} entries", item.key)));
            return None;
        }
        let read = elements.iter().map(|element| self.of.read(&item.inner(element), problems));
        // Every element is looked at, so that the first mistake of the file is found.
        let read: Vec<Option<K::Out>> = read.collect();
        read.into_iter().collect()
    }
}

/// A table from names of some form to strings.
#[derive(Clone, Copy)]
pub(super) struct TextTable {
    /// `build arguments`.
    pub(super) many: &'static str,
    pub(super) name_pattern: &'static str,
    pub(super) check_name: fn(&str) -> Result<(), Mistake>,
}

impl Kind for TextTable {
    type Out = BTreeMap<String, String>;

    fn expected(&self) -> String {
        format!("a table of {}", self.many)
    }

    fn expected_many(&self) -> String {
        format!("tables of {}", self.many)
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "propertyNames": {"pattern": self.name_pattern},
            "additionalProperties": {"type": "string"},
            "maxProperties": LONGEST_LIST,
        })
    }

    fn read(&self, item: &Item<'_>, problems: &mut Problems) -> Option<Self::Out> {
        let DeValue::Table(table) = item.value else {
            problems.add(item.offset, || item.wrong_type(&self.expected()));
            return None;
        };
        if table.len() > LONGEST_LIST {
            problems.add(item.offset, || Mistake::new(format!("`{}` has more than {LONGEST_LIST} entries", item.key)));
            return None;
        }
        let mut read = BTreeMap::new();
        for (name, value) in table {
            problems
                .keep(name.span().start, check_text(name.get_ref()).and_then(|()| (self.check_name)(name.get_ref())));
            let key = KeyPath { parent: Some(item.key), name: name.get_ref() };
            let value = Item { key: &key, ..item.inner(value) };
            match value.value {
                DeValue::String(text) => {
                    problems.keep(value.offset, check_text(text));
                    read.insert(name.get_ref().to_string(), text.to_string());
                }
                _ => problems.add(value.offset, || value.wrong_type("a string").hint("put it in quotes")),
            }
        }
        Some(read)
    }
}
