// SPDX-License-Identifier: BSD-2-Clause
//! The round-trip time of a path, and the retransmission timeout computed from
//! it.
//!
//! Every transmission has its own tag, so every sample is exact, even that of a
//! late answer. Karn's rule is therefore not needed.

use crate::time::Micros;

/// The timeout before the first answer.
const INITIAL_RTO: Micros = Micros::from_millis(200);
/// The minimum in microseconds that is added to the mean, which allows for the
/// granularity of timers.
pub(crate) const MIN_MARGIN: u64 = 4_000;
const MAX_RTO: Micros = Micros::from_secs(2);

/// The smoothed mean and deviation, in 1/8 µs, with Jacobson's gains (RFC
/// 6298).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    mean8: u64,
    deviation8: u64,
    /// The retransmission timeout that follows from both.
    rto: Micros,
}

impl Rtt {
    /// No sample yet.
    pub(crate) const NEW: Self = Self { mean8: 0, deviation8: 0, rto: INITIAL_RTO };

    /// Takes one measured round trip. Returns whether this makes the time-out
    /// shorter.
    #[inline]
    pub(crate) fn sample(&mut self, rtt: Micros) -> bool {
        let sample8 = rtt.0.min(60_000_000).wrapping_mul(8);
        if self.mean8 == 0 {
            self.mean8 = sample8.max(8);
            self.deviation8 = sample8 >> 1;
        } else {
            let error = sample8.abs_diff(self.mean8);
            self.deviation8 =
                self.deviation8.wrapping_sub(self.deviation8 >> 2).wrapping_add(error >> 2);
            self.mean8 = self.mean8.wrapping_sub(self.mean8 >> 3).wrapping_add(sample8 >> 3).max(8);
        }
        let margin = (self.deviation8 >> 1).max(MIN_MARGIN);
        let before = self.rto;
        self.rto = Micros((self.mean8 >> 3).wrapping_add(margin)).min(MAX_RTO);
        self.rto < before
    }

    /// Returns the smoothed mean, which is zero before the first sample.
    pub(crate) fn mean(&self) -> Micros {
        Micros(self.mean8 >> 3)
    }

    /// Returns how long to wait for an answer before retransmitting.
    #[inline]
    pub(crate) fn rto(&self) -> Micros {
        self.rto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_answer_the_timeout_is_a_guess() {
        assert_eq!(Rtt::NEW.rto(), INITIAL_RTO);
    }

    #[test]
    fn a_steady_path_gets_a_timeout_close_to_its_round_trip() {
        let mut rtt = Rtt::NEW;
        for _ in 0..100 {
            rtt.sample(Micros(300));
        }
        assert_eq!(rtt.mean(), Micros(300));
        assert!(rtt.rto() <= Micros(300 + MIN_MARGIN));
    }

    #[test]
    fn one_slow_answer_widens_the_timeout_at_once() {
        let mut rtt = Rtt::NEW;
        for _ in 0..100 {
            rtt.sample(Micros(300));
        }
        rtt.sample(Micros(50_000));
        assert!(rtt.rto() > Micros(30_000), "{:?}", rtt.rto());
    }

    #[test]
    fn the_timeout_is_bounded() {
        let mut rtt = Rtt::NEW;
        rtt.sample(Micros(u64::MAX));
        assert_eq!(rtt.rto(), MAX_RTO);
    }
}
