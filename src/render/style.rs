//! Colours by meaning. Whether there are any is decided once, by the caller; text without them is the same text.

use std::fmt::Display;

use anstyle::{AnsiColor, Effects};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The name of a service.
    Name,
    /// The title of a part.
    Heading,
    /// What matters least.
    Dim,
    /// New in head.
    Added,
    /// Only in base.
    Removed,
    /// Different in both.
    Changed,
}

/// Paints, or does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Styles {
    /// Whether to use colours.
    pub coloured: bool,
}

impl Styles {
    /// The text in its colour.
    pub fn paint(self, style: Style, text: impl Display) -> String {
        let text = text.to_string();
        if !self.coloured || text.is_empty() {
            return text;
        }
        let ansi = match style {
            Style::Name => anstyle::Style::new().effects(Effects::BOLD),
            Style::Heading => anstyle::Style::new().effects(Effects::BOLD | Effects::UNDERLINE),
            Style::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Style::Added => AnsiColor::Green.on_default(),
            Style::Removed => AnsiColor::Red.on_default(),
            Style::Changed => AnsiColor::Yellow.on_default(),
        };
        format!("{ansi}{text}{ansi:#}")
    }
}
