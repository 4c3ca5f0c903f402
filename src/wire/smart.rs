// SPDX-License-Identifier: BSD-2-Clause
//! SMART: the attributes of a disk, and whether it predicts a failure.

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{AtaCommand, AtaFlags, AtaRequest, AtaResponse, SECTOR, WireError};

/// An entry of the page of values.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct RawValue {
    id: u8,
    flags: [u8; 2],
    value: u8,
    worst: u8,
    raw: [u8; 6],
    reserved: u8,
}

/// An entry of the page of thresholds.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct RawThreshold {
    id: u8,
    threshold: u8,
    reserved: [u8; 10],
}

/// The layout that both pages share.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Page<T> {
    revision: [u8; 2],
    entries: [T; 30],
    rest: [u8; 150],
}

const_assert_eq!(size_of::<Page<RawValue>>(), SECTOR);
const_assert_eq!(size_of::<Page<RawThreshold>>(), SECTOR);

/// LBA mid and high in a request, and in the answer of a disk that predicts no
/// failure.
const SIGNATURE: [u8; 2] = [0x4f, 0xc2];
/// LBA mid and high in the answer of a disk that predicts a failure.
const FAILING: [u8; 2] = [0xf4, 0x2c];

impl AtaRequest {
    /// Returns a SMART READ DATA, for the page of values.
    pub const fn smart_values() -> Self {
        AtaRequest { count: 1, ..Self::smart(0xd0) }
    }

    /// Returns a SMART READ THRESHOLDS, for the page of thresholds.
    pub const fn smart_thresholds() -> Self {
        AtaRequest { count: 1, ..Self::smart(0xd1) }
    }

    /// Returns a SMART RETURN STATUS. [`SmartHealth`] decodes the answer.
    pub const fn smart_status() -> Self {
        Self::smart(0xda)
    }

    const fn smart(feature: u8) -> Self {
        let [mid, high] = SIGNATURE;
        AtaRequest {
            flags: AtaFlags::empty(),
            feature,
            count: 0,
            command: AtaCommand::SMART,
            lba: u64::from_le_bytes([0, mid, high, 0, 0, 0, 0, 0]),
        }
    }
}

/// Whether a disk predicts a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SmartHealth {
    /// No failure is predicted.
    Passed,
    /// A failure is predicted.
    Failing,
    /// The answer has neither signature.
    Unknown,
}

impl SmartHealth {
    /// Decodes the argument of an answer to [`AtaRequest::smart_status`].
    pub fn parse(argument: &[u8]) -> Result<SmartHealth, WireError> {
        let response = AtaResponse::parse(argument)?;
        Ok(match argument {
            _ if !response.is_success() => SmartHealth::Unknown,
            [_, _, _, _, _, mid, high, ..] if [*mid, *high] == SIGNATURE => SmartHealth::Passed,
            [_, _, _, _, _, mid, high, ..] if [*mid, *high] == FAILING => SmartHealth::Failing,
            _ => SmartHealth::Unknown,
        })
    }
}

/// One attribute of a disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SmartAttribute {
    /// The number of the attribute, never 0.
    pub id: u8,
    /// The normalised value. Higher is better.
    pub value: u8,
    /// The lowest value so far.
    pub worst: u8,
    /// The value at or below which the attribute has failed, or 0 if there is
    /// none.
    pub threshold: u8,
    /// The raw value: 48 bits in a vendor-specific format.
    pub raw: u64,
}

impl SmartAttribute {
    /// Returns whether the value has fallen to the threshold.
    pub const fn has_failed(&self) -> bool {
        self.threshold != 0 && self.value <= self.threshold
    }

    /// Decodes both pages. For a disk without thresholds, `thresholds` is all
    /// zeros.
    pub fn parse(
        values: &[u8; SECTOR],
        thresholds: &[u8; SECTOR],
    ) -> impl Iterator<Item = SmartAttribute> + use<> {
        let values: Page<RawValue> = transmute!(*values);
        let thresholds: Page<RawThreshold> = transmute!(*thresholds);
        let of = move |id: u8| {
            let entry = thresholds.entries.iter().find(|entry| entry.id == id);
            entry.map_or(0, |entry| entry.threshold)
        };
        values.entries.into_iter().filter(|entry| entry.id != 0).map(move |entry| {
            let [a, b, c, d, e, f] = entry.raw;
            SmartAttribute {
                id: entry.id,
                value: entry.value,
                worst: entry.worst,
                threshold: of(entry.id),
                raw: u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Builds a page whose second and last entries are used.
    fn page(second: [u8; 12], last: [u8; 12]) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        bytes[14..26].copy_from_slice(&second);
        bytes[350..362].copy_from_slice(&last);
        bytes
    }

    #[test]
    fn attributes_come_with_their_thresholds() {
        let values = page(
            [5, 0x33, 0, 36, 35, 1, 2, 3, 4, 5, 6, 0xee],
            [194, 0x22, 0, 64, 50, 36, 0, 0, 0, 0, 0, 0xee],
        );
        let thresholds =
            page([194, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [5, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let found: Vec<_> = SmartAttribute::parse(&values, &thresholds).collect();
        let reallocated =
            SmartAttribute { id: 5, value: 36, worst: 35, threshold: 36, raw: 0x0605_0403_0201 };
        let temperature = SmartAttribute { id: 194, value: 64, worst: 50, threshold: 0, raw: 36 };
        assert_eq!(found, [reallocated, temperature]);
        assert!(reallocated.has_failed() && !temperature.has_failed());
        assert!(!SmartAttribute { value: 37, ..reallocated }.has_failed());
    }

    #[test]
    fn an_attribute_without_a_threshold_never_fails() {
        let values = page([0; 12], [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let found: Vec<_> = SmartAttribute::parse(&values, &[0; SECTOR]).collect();
        assert_eq!(found.len(), 1);
        assert!(!found[0].has_failed());
    }

    #[test]
    fn requests_carry_the_signature() {
        for (request, feature, count) in [
            (AtaRequest::smart_values(), 0xd0, 1),
            (AtaRequest::smart_thresholds(), 0xd1, 1),
            (AtaRequest::smart_status(), 0xda, 0),
        ] {
            let mut out = [0xa5; 12];
            request.emit(&mut out);
            assert_eq!(out, [0, feature, count, 0xb0, 0, 0x4f, 0xc2, 0xa0, 0, 0, 0, 0]);
            assert!(AtaRequest::only_looks(&out));
        }
    }

    #[test]
    fn health_is_what_the_signature_became() {
        let of =
            |status, mid, high| SmartHealth::parse(&[0, 0, 0, status, 0, mid, high, 0, 0, 0, 0, 0]);
        assert_eq!(of(0x40, 0x4f, 0xc2), Ok(SmartHealth::Passed));
        assert_eq!(of(0x40, 0xf4, 0x2c), Ok(SmartHealth::Failing));
        assert_eq!(of(0x40, 0x4f, 0x2c), Ok(SmartHealth::Unknown));
        assert_eq!(of(0x41, 0x4f, 0xc2), Ok(SmartHealth::Unknown));
        assert_eq!(SmartHealth::parse(&[0; 11]), Err(WireError::Truncated));
    }
}
