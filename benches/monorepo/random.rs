//! A small random number generator (splitmix64): the same seed gives the same numbers on every machine, for ever.
//! Integers only, and never seeded from the clock.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream that belongs to a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream for one named purpose, independent of how much others have drawn.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        Self::new(key(seed, name))
    }

    /// The next 64 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        scramble(self.state)
    }

    /// A number less than `bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.draw()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `pool`.
    pub(crate) fn pick<'a, T>(&mut self, pool: &'a [T]) -> Option<&'a T> {
        pool.get(self.below(pool.len()))
    }

    /// Up to `count` different members of `pool`, each as likely as the others.
    pub(crate) fn sample<T: Clone>(&mut self, pool: &[T], count: usize) -> Vec<T> {
        let mut left = pool.to_vec();
        let count = count.min(left.len());
        for position in 0..count {
            let other = position + self.below(left.len() - position);
            left.swap(position, other);
        }
        left.truncate(count);
        left
    }

    /// Up to `count` different members of `pool`, the first ones more often: some things have more users than others.
    pub(crate) fn skewed<T: Copy + PartialEq>(&mut self, pool: &[T], count: usize) -> Vec<T> {
        let mut chosen = Vec::new();
        for _ in 0..count * 3 {
            if chosen.len() == count {
                break;
            }
            let position = self.below(pool.len()).min(self.below(pool.len()));
            chosen.extend(pool.get(position).copied().filter(|member| !chosen.contains(member)));
        }
        chosen
    }
}

/// A number that stands for a name under a seed.
pub(crate) fn key(seed: u64, name: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    scramble(name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ scramble(seed.wrapping_add(GOLDEN)), fnv))
}

fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_numbers_are_those_of_the_reference_implementation() {
        let mut random = super::Random::new(1_234_567);
        let drawn = [random.draw(), random.draw(), random.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_sample_has_no_member_twice() {
        let pool: Vec<usize> = (0..50).collect();
        let mut sample = super::Random::new(3).sample(&pool, 40);
        sample.sort_unstable();
        sample.dedup();
        assert_eq!(sample.len(), 40);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = super::Random::new(9);
        assert!((0..1000).all(|_| (5..=7).contains(&random.between(5, 7))));
        assert_eq!(random.below(0), 0);
    }
}
