// SPDX-License-Identifier: BSD-2-Clause
//! Time as a value. Callers pass the current time; the core has no clock.

/// Microseconds since an arbitrary origin; monotonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// The low half of an instant of the last 71 minutes. An older one appears
/// younger than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u32);

/// A span of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Instant {
    /// The origin of all instants.
    pub const ZERO: Self = Self(0);
    /// Later than any other instant: a deadline that is not set.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the instant `us` microseconds after the origin.
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// Returns the microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the instant `span` later, at most [`Instant::NEVER`].
    pub const fn after(self, span: Micros) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the time from `earlier` to this instant, or zero if `earlier` is
    /// later.
    pub const fn since(self, earlier: Self) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

impl Stamp {
    /// The stamp of the origin.
    pub(crate) const ZERO: Self = Self(0);

    /// Returns the stamp of an instant.
    #[expect(clippy::as_conversions, reason = "the low half is wanted")]
    pub(crate) const fn of(instant: Instant) -> Self {
        Self(instant.0 as u32)
    }

    /// Returns the time since this stamp.
    pub(crate) fn age(self, now: Instant) -> Micros {
        Micros(u64::from(Self::of(now).0.wrapping_sub(self.0)))
    }
}

impl Micros {
    /// Returns a span of `n` milliseconds.
    pub const fn from_millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// Returns a span of `n` seconds.
    pub const fn from_secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// Returns the whole seconds in this span.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the sum of this span and another one.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns this span doubled `n` times, but at most `limit`.
    pub fn backed_off(self, n: u8, limit: Self) -> Self {
        let factor = 1_u64.checked_shl(u32::from(n)).unwrap_or(u64::MAX);
        Self(self.0.saturating_mul(factor)).min(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_instead_of_wrapping() {
        assert_eq!(Instant::NEVER.after(Micros(1)), Instant::NEVER);
        assert_eq!(Instant::ZERO.since(Instant::from_micros(5)), Micros(0));
    }

    #[test]
    fn a_stamp_tells_its_age_across_a_wrap() {
        let sent_at = Instant::from_micros((1 << 32) - 5);
        assert_eq!(Stamp::of(sent_at).age(sent_at.after(Micros(12))), Micros(12));
    }

    #[test]
    fn backing_off_doubles_up_to_the_limit() {
        let limit = Micros::from_secs(1);
        assert_eq!(Micros(200).backed_off(2, limit), Micros(800));
        assert_eq!(Micros(200).backed_off(40, limit), limit);
        assert_eq!(Micros(200).backed_off(200, limit), limit);
    }
}
