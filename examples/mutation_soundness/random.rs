//! Random numbers that are the same on every machine (splitmix64), never seeded from the clock.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
pub(crate) struct Random(u64);

impl Random {
    /// The stream for one named purpose, independent of how much others have drawn.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(scramble(name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ scramble(seed.wrapping_add(GOLDEN)), fnv)))
    }

    /// A number less than `bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(GOLDEN);
        let product = u128::from(scramble(self.0)) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_give_the_same_numbers_and_others_give_others() {
        let drawn = |seed, name| {
            let mut random = Random::named(seed, name);
            [0; 8].map(|_| random.below(1000))
        };
        assert_eq!(drawn(1, "a"), drawn(1, "a"));
        assert_ne!(drawn(1, "a"), drawn(2, "a"));
        assert_ne!(drawn(1, "a"), drawn(1, "b"));
        assert!(drawn(7, "x").iter().all(|number| *number < 1000));
    }
}
