//! Turns `"1h30m"` into a duration and back. It knows nothing of clocks.

use std::time::Duration;

/// The units in the order they must be written in, with their length in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// No build takes longer than a week; a longer limit is a typing error.
const LONGEST: Duration = Duration::from_hours(168);

/// The form of a duration, for JSON Schema.
pub(super) const PATTERN: &str = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

/// Reads a duration: whole numbers with the units `h`, `m`, `s` and `ms`, largest first, more than zero in all.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let length = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        if number.is_empty() {
            return Err("not a duration".to_owned());
        }
        if unit.is_empty() {
            return Err("a duration needs a unit".to_owned());
        }
        let Some((_, milliseconds)) = units.find(|(name, _)| *name == unit) else {
            return Err(if UNITS.iter().any(|(name, _)| *name == unit) {
                "the units of a duration go from large to small, each once".to_owned()
            } else {
                "a duration has the units h, m, s and ms, with whole numbers".to_owned()
            });
        };
        let amount = number.parse().ok().and_then(|number: u64| number.checked_mul(*milliseconds));
        total = amount.and_then(|amount| amount.checked_add(total)).ok_or_else(too_long)?;
        rest = after;
    }
    match Duration::from_millis(total) {
        Duration::ZERO => Err("a duration must be more than zero".to_owned()),
        duration if duration > LONGEST => Err(too_long()),
        duration => Ok(duration),
    }
}

fn too_long() -> String {
    "a duration can be at most 168h".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, milliseconds: u64) {
        assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn units_add_up() {
        check("90s", 90_000);
        check("5m", 300_000);
        check("1h30m", 5_400_000);
        check("500ms", 500);
        check("1h2m3s4ms", 3_723_004);
        check("0h5m", 300_000);
        check("168h", 604_800_000);
    }

    #[test]
    fn what_is_not_a_duration_says_why() {
        check_error("", "more than zero");
        check_error("0s", "more than zero");
        check_error("300", "needs a unit");
        check_error("5m30", "needs a unit");
        check_error("soon", "not a duration");
        check_error("-5m", "not a duration");
        check_error("1.5h", "whole numbers");
        check_error("5 m", "whole numbers");
        check_error("5d", "units h, m, s and ms");
        check_error("5µs", "units h, m, s and ms");
        check_error("30m1h", "large to small");
        check_error("1m1m", "large to small");
        check_error("169h", "at most 168h");
        check_error("99999999999999999999h", "at most 168h");
        check_error("18446744073709551615h", "at most 168h");
    }
}
