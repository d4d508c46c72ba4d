//! Turns a mistyped word and the words that are known into the one that was probably meant.

/// Longer words are never compared: no key, keyword or service name is longer.
const LONGEST: usize = 128;

/// The known word that is nearest to `word`, if it is near enough to have been meant.
///
/// Case is ignored; a typing error is a letter that is added, left out, replaced or swapped with its neighbour, and up
/// to a third of the letters may be wrong, at most three. Of several the first is taken. The work for one known word
/// is bounded, whatever the lengths.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word)?;
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in known {
        let Some(other) = letters(candidate) else { continue };
        let tolerated = tolerance(word.len().max(other.len()));
        let limit = best.map_or(tolerated, |(distance, _)| tolerated.min(distance.saturating_sub(1)));
        let better = best.is_none_or(|(distance, _)| distance > 0);
        if better && let Some(distance) = distance_within(&word, &other, limit) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The letters of a word, in lower case; `None` if there are too many.
fn letters(word: &str) -> Option<Vec<char>> {
    let letters: Vec<char> = word.chars().flat_map(char::to_lowercase).take(LONGEST + 1).collect();
    (letters.len() <= LONGEST).then_some(letters)
}

/// How many typing errors a word of that length may have.
fn tolerance(length: usize) -> usize {
    if length < 2 { 0 } else { (length / 3).clamp(1, 3) }
}

/// The number of typing errors between two words (optimal string alignment), `None` if there are more than `limit`.
fn distance_within(left: &[char], right: &[char], limit: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > limit {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, here) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row + 1);
        for (column, there) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(here != there);
            let mut cost = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && left[row - 1] == *there && right[column - 1] == *here;
            if swapped {
                cost = cost.min(before_last[column - 1] + 1);
            }
            current.push(cost);
        }
        if current.iter().min().is_none_or(|least| *least > limit) {
            return None;
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, known: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(word, known.iter().copied()), expected, "nearest to {word:?} in {known:?}");
    }

    #[test]
    fn typing_errors_lead_to_the_word_that_was_meant() {
        let keys = ["platforms", "build-tags", "cgo", "toolchain", "workspace"];
        check("platfroms", &keys, Some("platforms"));
        check("build_tags", &keys, Some("build-tags"));
        check("BuildTags", &keys, Some("build-tags"));
        check("cg", &keys, Some("cgo"));
        check("CGO", &keys, Some("cgo"));
        check("tolchian", &keys, Some("toolchain"));
    }

    #[test]
    fn words_that_are_too_different_lead_nowhere() {
        check("xyz", &["cgo", "flags"], None);
        check("", &["cgo"], None);
        check("a", &["b"], None);
        check("cgo", &[], None);
        check("off", &["on"], None);
    }

    #[test]
    fn the_nearest_wins_and_then_the_first() {
        check("dockr", &["docke", "docker"], Some("docke"));
        check("docker-input", &["docker", "docker-inputs"], Some("docker-inputs"));
        check("Auth", &["auth2", "auth"], Some("auth"));
    }

    #[test]
    fn hostile_lengths_cost_nothing() {
        let long = "a".repeat(10_000_000);
        check(&long, &["aaaa"], None);
        check("aaaa", &[long.as_str()], None);
        let longest = "a".repeat(LONGEST);
        let swapped = format!("{}b", "a".repeat(LONGEST - 1));
        check(&longest, &[swapped.as_str()], Some(swapped.as_str()));
    }
}
