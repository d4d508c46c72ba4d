//! Divides services among jobs that run side by side, so that each has about as much to do. The same services always
//! give the same shards, whoever asks: the job that makes the matrix, and each job of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// One of several shards: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: NonZeroUsize,
    /// How many there are.
    pub of: NonZeroUsize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index <= of => Ok(Self { index, of }),
            _ => Err("it must be I/N with I from 1 to N, for example 2/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Something to be done by one of several jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'i> {
    /// The service.
    pub name: &'i str,
    /// How much work it is, relative to others.
    pub weight: u64,
    /// The services whose images it starts from; they are in the same shard, since it cannot begin without them.
    pub needs: Vec<&'i str>,
}

/// The number of the shard, from 0, of each item. The heaviest go first, each to the shard that has the least to do.
pub fn divide(items: &[Item<'_>], shards: NonZeroUsize) -> Vec<usize> {
    let groups = connected(items);
    let mut weights: BTreeMap<usize, u64> = BTreeMap::new();
    for (item, group) in items.iter().zip(&groups) {
        let weight = weights.entry(*group).or_default();
        *weight = weight.saturating_add(item.weight.max(1));
    }
    let mut heaviest: Vec<(u64, usize)> = weights.into_iter().map(|(group, weight)| (weight, group)).collect();
    heaviest.sort_by_key(|&(weight, group)| (std::cmp::Reverse(weight), items[group].name));
    let count = shards.get().min(heaviest.len()).max(1);
    let mut shard_of_group = vec![0; items.len()];
    let mut lightest: BTreeSet<(u64, usize)> = (0..count).map(|shard| (0, shard)).collect();
    for (weight, group) in heaviest {
        let Some((load, shard)) = lightest.pop_first() else { break };
        lightest.insert((load.saturating_add(weight), shard));
        shard_of_group[group] = shard;
    }
    groups.into_iter().map(|group| shard_of_group[group]).collect()
}

/// The names in one shard.
pub fn members(shard: Shard, items: &[Item<'_>]) -> BTreeSet<String> {
    let divided = divide(items, shard.of);
    let own = items.iter().zip(divided).filter(|(_, number)| *number + 1 == shard.index.get());
    own.map(|(item, _)| item.name.to_owned()).collect()
}

/// For each item the first one that is connected with it by needs.
pub fn connected(items: &[Item<'_>]) -> Vec<usize> {
    let by_name: BTreeMap<&str, usize> = items.iter().enumerate().map(|(number, item)| (item.name, number)).collect();
    let mut groups: Vec<usize> = (0..items.len()).collect();
    for (number, item) in items.iter().enumerate() {
        for needed in item.needs.iter().filter_map(|name| by_name.get(name)) {
            let (one, other) = (root(&mut groups, number), root(&mut groups, *needed));
            groups[one.max(other)] = one.min(other);
        }
    }
    (0..items.len()).map(|number| root(&mut groups, number)).collect()
}

/// The first of a group. What is passed on the way is nearer to it afterwards.
fn root(groups: &mut [usize], mut number: usize) -> usize {
    while groups[number] != number {
        groups[number] = groups[groups[number]];
        number = groups[number];
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items<'i>(spec: &'i [(&'i str, u64, &'i str)]) -> Vec<Item<'i>> {
        let item = |&(name, weight, needs): &(&'i str, u64, &'i str)| Item {
            name,
            weight,
            needs: needs.split_whitespace().collect(),
        };
        spec.iter().map(item).collect()
    }

    fn count(shards: usize) -> NonZeroUsize {
        NonZeroUsize::new(shards).unwrap()
    }

    #[test]
    fn the_heaviest_go_first_to_the_shard_with_the_least_to_do() {
        let items = items(&[("a", 1, ""), ("b", 5, ""), ("c", 3, ""), ("d", 3, ""), ("e", 1, "")]);
        assert_eq!(divide(&items, count(2)), [0, 0, 1, 1, 0]);
        assert_eq!(divide(&items, count(1)), [0; 5]);
    }

    #[test]
    fn what_starts_from_the_image_of_another_is_in_its_shard() {
        let items = items(&[("a", 1, ""), ("b", 1, "a"), ("c", 1, "b absent"), ("d", 1, ""), ("e", 1, "")]);
        let shards = divide(&items, count(3));
        assert_eq!((shards[0], shards[0]), (shards[1], shards[2]));
        assert_ne!(shards[3], shards[4]);
    }

    #[test]
    fn a_shard_is_an_index_and_a_count() {
        assert_eq!("2/4".parse(), Ok(Shard { index: count(2), of: count(4) }));
        for wrong in ["0/4", "5/4", "4", "a/b", "1/0", "", "/", "-1/2", "1/2/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_shard_is_empty_and_none_has_more_than_twice_the_fair_share(
            weights in proptest::collection::vec(1_u64..100, 1..60),
            shards in 1_usize..20,
        ) {
            let names: Vec<String> = (0..weights.len()).map(|number| format!("s{number}")).collect();
            let items: Vec<Item<'_>> = names
                .iter()
                .zip(&weights)
                .map(|(name, weight)| Item { name, weight: *weight, needs: Vec::new() })
                .collect();
            let divided = divide(&items, count(shards));
            let used = shards.min(weights.len());
            let mut loads = vec![0; used];
            for (shard, weight) in divided.iter().zip(&weights) {
                loads[*shard] += weight;
            }
            let total: u64 = weights.iter().sum();
            let fair = total.div_ceil(used as u64).max(*weights.iter().max().unwrap());
            prop_assert!(loads.iter().all(|load| (1..=2 * fair).contains(load)), "{loads:?}");
        }
    }
}
