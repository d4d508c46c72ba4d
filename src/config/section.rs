//! A table of the configuration as a list of its keys, from which come the reading of the table, the check for unknown
//! keys and its JSON Schema.

use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

use super::error::{Mistake, Problems, shown};
use super::kinds::{Item, KeyPath, Kind};
use super::nearest::nearest;

/// A table whose keys are read into a `T`.
pub(super) struct Section<T> {
    about: &'static str,
    keys: Vec<Key<T>>,
}

/// One key of a table.
struct Key<T> {
    name: &'static str,
    about: &'static str,
    default: Option<Value>,
    field: Box<dyn Field<T>>,
}

/// What a key holds and where it goes.
pub(super) trait Field<T> {
    /// Reads the value into its place, or notes what is wrong with it.
    fn read(&self, target: &mut T, item: &Item<'_>, problems: &mut Problems);

    /// The form of the value.
    fn schema(&self) -> Value;
}

impl<T: 'static> Section<T> {
    pub(super) fn new(about: &'static str) -> Self {
        Self { about, keys: Vec::new() }
    }

    /// Adds a key. Keys are read in the order in which they are added, whatever the order in the file.
    pub(super) fn key<K>(self, name: &'static str, about: &'static str, kind: K, set: fn(&mut T, K::Out)) -> Self
    where
        K: Kind + 'static,
    {
        self.field(name, about, Assign { kind, set })
    }

    /// Adds a table in this table.
    pub(super) fn table<U>(self, name: &'static str, section: Section<U>, place: fn(&mut T) -> &mut U) -> Self
    where
        U: 'static,
    {
        let about = section.about;
        self.field(name, about, Nested { section, place })
    }

    /// Adds a key with a way of reading of its own.
    pub(super) fn field(mut self, name: &'static str, about: &'static str, field: impl Field<T> + 'static) -> Self {
        self.keys.push(Key { name, about, default: None, field: Box::new(field) });
        self
    }

    /// Says what it means to leave out the key that was added last.
    pub(super) fn default(mut self, value: Value) -> Self {
        if let Some(key) = self.keys.last_mut() {
            key.default = Some(value);
        }
        self
    }

    /// The same keys where leaving them out means something else.
    pub(super) fn replacing(mut self, about: &'static str) -> Self {
        self.about = about;
        self.keys.iter_mut().for_each(|key| key.default = None);
        self
    }

    /// Reads a table.
    pub(super) fn read(&self, target: &mut T, item: &Item<'_>, problems: &mut Problems) {
        let DeValue::Table(table) = item.value else {
            problems.add(item.offset, || item.wrong_type("a table"));
            return;
        };
        self.read_table(target, table, Some(item.key), problems);
    }

    /// Reads the table at `path`, the whole file if that is `None`.
    pub(super) fn read_table(
        &self,
        target: &mut T,
        table: &DeTable<'_>,
        path: Option<&KeyPath<'_>>,
        problems: &mut Problems,
    ) {
        self.check_unknown(table, path, problems);
        for key in &self.keys {
            if let Some(value) = table.get(key.name) {
                let path = KeyPath { parent: path, name: key.name };
                let item = Item { key: &path, offset: value.span().start, value: value.get_ref() };
                key.field.read(target, &item, problems);
            }
        }
    }

    fn check_unknown(&self, table: &DeTable<'_>, path: Option<&KeyPath<'_>>, problems: &mut Problems) {
        let unknown = table.keys().filter(|name| self.keys.iter().all(|key| key.name != name.get_ref()));
        let Some(first) = unknown.min_by_key(|name| name.span().start) else { return };
        problems.add(first.span().start, || {
            let place = path.map_or_else(String::new, |path| format!(" in `[{path}]`"));
            let mistake = Mistake::new(format!("unknown key `{}`{place}", shown(first.get_ref())));
            let known = self.keys.iter().map(|key| key.name);
            match nearest(first.get_ref(), known.clone()) {
                Some(meant) => mistake.hint(format!("did you mean `{meant}`?")),
                None => mistake.hint(format!("known keys: {}", known.collect::<Vec<_>>().join(", "))),
            }
        });
    }

    /// The table as a JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let properties: Map<String, Value> = self.keys.iter().map(|key| (key.name.to_owned(), key.schema())).collect();
        json!({
            "description": self.about,
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

impl<T> Key<T> {
    fn schema(&self) -> Value {
        let mut schema = self.field.schema();
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), self.about.into());
            if let Some(default) = &self.default {
                members.insert("default".to_owned(), default.clone());
            }
        }
        schema
    }
}

struct Assign<K: Kind, T> {
    kind: K,
    set: fn(&mut T, K::Out),
}

impl<K: Kind, T> Field<T> for Assign<K, T> {
    fn read(&self, target: &mut T, item: &Item<'_>, problems: &mut Problems) {
        if let Some(value) = self.kind.read(item, problems) {
            (self.set)(target, value);
        }
    }

    fn schema(&self) -> Value {
        self.kind.schema()
    }
}

struct Nested<T, U> {
    section: Section<U>,
    place: fn(&mut T) -> &mut U,
}

impl<T, U: 'static> Field<T> for Nested<T, U> {
    fn read(&self, target: &mut T, item: &Item<'_>, problems: &mut Problems) {
        self.section.read((self.place)(target), item, problems);
    }

    fn schema(&self) -> Value {
        self.section.schema()
    }
}
