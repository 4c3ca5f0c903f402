// SPDX-License-Identifier: BSD-2-Clause
//! Random numbers that an outsider cannot guess: ChaCha8, keyed with the
//! kernel's random numbers.

/// A stream of unpredictable words.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    key: [u32; 8],
    counter: u32,
    block: [u32; 16],
    used: usize,
}

impl Random {
    /// Starts the stream whose key is `seed`.
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { key, counter: 0, block: [0; 16], used: 16 }
    }

    /// Returns the next word.
    pub(crate) fn word(&mut self) -> u32 {
        if self.used >= self.block.len() {
            self.block = chacha::<4>(&self.key, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let word = self.block.get(self.used).copied().unwrap_or(0);
        self.used = self.used.saturating_add(1);
        word
    }

    /// Returns a number below `bound`, uniform enough for jitter.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.word()).wrapping_mul(u64::from(bound));
        u32::try_from(wide >> 32).unwrap_or(0)
    }
}

/// Returns one block of ChaCha with `DOUBLES` double rounds and a zero nonce.
fn chacha<const DOUBLES: u32>(key: &[u32; 8], counter: u32) -> [u32; 16] {
    let k = key;
    let start = [
        0x6170_7865,
        0x3320_646e,
        0x7962_2d32,
        0x6b20_6574,
        k[0],
        k[1],
        k[2],
        k[3],
        k[4],
        k[5],
        k[6],
        k[7],
        counter,
        0,
        0,
        0,
    ];
    let mut s = start;
    for _ in 0..DOUBLES {
        quarter::<0, 4, 8, 12>(&mut s);
        quarter::<1, 5, 9, 13>(&mut s);
        quarter::<2, 6, 10, 14>(&mut s);
        quarter::<3, 7, 11, 15>(&mut s);
        quarter::<0, 5, 10, 15>(&mut s);
        quarter::<1, 6, 11, 12>(&mut s);
        quarter::<2, 7, 8, 13>(&mut s);
        quarter::<3, 4, 9, 14>(&mut s);
    }
    for (word, first) in s.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    s
}

/// Applies the quarter round to four words, whose indices the compiler checks.
#[expect(clippy::indexing_slicing, reason = "const indices into an array of 16")]
fn quarter<const A: usize, const B: usize, const C: usize, const D: usize>(s: &mut [u32; 16]) {
    const { assert!(A < 16 && B < 16 && C < 16 && D < 16) };
    s[A] = s[A].wrapping_add(s[B]);
    s[D] = (s[D] ^ s[A]).rotate_left(16);
    s[C] = s[C].wrapping_add(s[D]);
    s[B] = (s[B] ^ s[C]).rotate_left(12);
    s[A] = s[A].wrapping_add(s[B]);
    s[D] = (s[D] ^ s[A]).rotate_left(8);
    s[C] = s[C].wrapping_add(s[D]);
    s[B] = (s[B] ^ s[C]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the first words of the ChaCha20 key stream for a zero key
    /// and nonce.
    #[test]
    fn twenty_rounds_give_the_published_key_stream() {
        let block = chacha::<10>(&[0; 8], 0);
        assert_eq!(block[..4], [0xade0_b876, 0x903d_f1a0, 0xe56a_5d40, 0x28bd_8653]);
    }

    #[test]
    fn a_seed_always_gives_the_same_words() {
        let mut a = Random::new(&[7; 32]);
        let mut b = Random::new(&[7; 32]);
        let mut c = Random::new(&[8; 32]);
        assert!((0..40).all(|_| a.word() == b.word()));
        assert_ne!(a.word(), c.word());
    }

    #[test]
    fn a_bounded_number_stays_below_its_bound() {
        let mut r = Random::new(&[1; 32]);
        assert!((0..1000).all(|_| r.below(6) < 6));
    }
}
