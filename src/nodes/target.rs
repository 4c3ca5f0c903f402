// SPDX-License-Identifier: BSD-2-Clause
//! `net.aoe.target.<disk>`: the state and the settings of a target, and the state
//! of each of its paths.

use super::module::{policy_name, policy_number};
use super::{Access, Effects, Fetch, Kind, Node, Refused, Shown, Value, tree};
use crate::config::{AS_ALL, LIMIT_SECONDS, Own};
use crate::histogram::BUCKETS;
use crate::targets::{PathStatus, Status, Target, path_state_name};
use crate::text::{Text, padded};
use crate::wire::{Address, Identify};
use core::ffi::CStr;

/// The value that a node of a target shows.
#[derive(Clone, Copy, Debug)]
pub enum TargetField {
    /// A number in the target's status.
    Number(fn(&Status<'_>) -> u64),
    /// A field of the disk's IDENTIFY.
    Name(fn(&Identify) -> &[u8]),
    /// The target's state.
    State,
    /// The target's config string.
    Config,
    /// The target's own `maxwait`, in seconds.
    Maxwait,
    /// The target's own policy for choosing paths.
    Policy,
    /// Whether its disk is write-protected.
    ReadOnly,
}

/// The value that a node of a path shows.
#[derive(Clone, Copy, Debug)]
pub enum PathField {
    /// A number in the path's status.
    Number(fn(&PathStatus) -> u64),
    /// The local interface.
    Link,
    /// The target's MAC address.
    Mac,
    /// The path's state.
    State,
    /// The histogram of response times.
    Histogram,
}

use TargetField::Number as Of;

/// The nodes of a target.
#[rustfmt::skip]
pub static TARGET: &[Node<TargetField>] = tree! {
    c"state", c"State of the target", Read, TargetField::State;
    c"serial", c"Serial number", Read, TargetField::Name(|i| &i.serial);
    c"model", c"Model", Read, TargetField::Name(|i| &i.model);
    c"firmware", c"Firmware revision", Read, TargetField::Name(|i| &i.firmware);
    c"config", c"Config string", Read, TargetField::Config;
    c"size", c"Size in bytes", Read, Of(|s| s.sectors.saturating_mul(512));
    c"physical_sector", c"Size of a physical sector in bytes",
        Read, Of(|s| s.names.map_or(512, |i| i.physical_sector).into());
    c"buffer_count", c"Requests that the target can queue", Read, Of(|s| s.buffer_count.into());
    c"sent", c"Requests sent", Read, Of(|s| s.sent);
    c"received", c"Answers received", Read, Of(|s| s.received);
    c"retransmitted", c"Requests sent again", Read, Of(|s| s.retransmitted);
    c"late", c"Answers to an earlier transmission", Read, Of(|s| s.late);
    c"unexpected", c"Responses matching no request", Read, Of(|s| s.unexpected);
    c"completed", c"I/Os completed", Read, Of(|s| s.completed);
    c"failed", c"I/Os that failed", Read, Of(|s| s.failed);
    c"fences", c"Reads sent to find out whether copies of writes can still arrive",
        Read, Of(|s| s.fences);
    c"guard_waits", c"Writes that waited for copies of earlier writes", Read, Of(|s| s.guard_waits);
    c"guard_wait_us", c"Total time that writes waited for such copies, in microseconds",
        Read, Of(|s| s.guard_wait_us);
    c"active", c"I/Os in progress", Read, Of(|s| s.active.into());
    c"in_flight", c"Outstanding requests", Read, Of(|s| s.in_flight.into());
    c"guarded", c"Copies of writes that may still arrive", Read, Of(|s| s.guarded.into());
    c"conflict", c"1 if another disk answers at the address, or a path shows another size",
        Read, Of(|s| s.has_conflict.into());
    c"paths_left_out", c"Answers on paths beyond the 16 that a target can have",
        Read, Of(|s| s.paths_left_out);
    c"doubled", c"1 if nearly all requests are answered twice, with equal data",
        Read, Of(|s| s.is_doubled.into());
    c"open", c"1 if the disk is open", Read, Of(|s| s.is_open.into());
    c"maxwait", c"Seconds that I/O waits (0: for ever, -1: net.aoe.maxwait)",
        Write, TargetField::Maxwait;
    c"policy", c"Policy for choosing a path: default, latency, roundrobin or failover",
        Write, TargetField::Policy;
    c"readonly", c"1: write-protect the disk (an open one: at its last close)",
        Write, TargetField::ReadOnly;
};

/// The nodes of a path.
#[rustfmt::skip]
pub static PATH: &[Node<PathField>] = tree! {
    c"interface", c"Local interface", Read, PathField::Link;
    c"mac", c"MAC address of the target", Read, PathField::Mac;
    c"state", c"State of the path", Read, PathField::State;
    c"rtt", c"Smoothed round-trip time in microseconds", Read, PathField::Number(|p| p.rtt.0);
    c"rto", c"Retransmission timeout in microseconds", Read, PathField::Number(|p| p.rto.0);
    c"reorder", c"Longest time by which an answer trailed one to a later request, in microseconds",
        Read, PathField::Number(|p| p.reorder.0);
    c"window", c"Maximum number of outstanding requests",
        Read, PathField::Number(|p| p.window.into());
    c"in_flight", c"Outstanding requests", Read, PathField::Number(|p| p.in_flight.into());
    c"payload", c"Bytes of data per request", Read, PathField::Number(|p| p.payload.into());
    c"payload_max", c"Bytes of data per request that the MTU and the target allow",
        Read, PathField::Number(|p| p.payload_max.into());
    c"sent", c"Requests sent", Read, PathField::Number(|p| p.sent);
    c"received", c"Answers received", Read, PathField::Number(|p| p.received);
    c"retransmitted", c"Requests sent again", Read, PathField::Number(|p| p.retransmitted);
    c"late", c"Answers to an earlier transmission", Read, PathField::Number(|p| p.late);
    c"unexpected", c"Responses matching no request", Read, PathField::Number(|p| p.unexpected);
    c"doubled", c"Repeated answers to a request",
        Read, PathField::Number(|p| p.doubled);
    c"histogram", c"Response times: lower bound in microseconds, number of answers",
        Read, PathField::Histogram;
};

impl Shown for TargetField {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Unsigned,
            Self::Maxwait | Self::ReadOnly => Kind::Int,
            Self::Name(_) | Self::State | Self::Config | Self::Policy => Kind::Text,
        }
    }

    fn fetch(&self) -> Fetch {
        match self {
            Self::Maxwait | Self::Policy | Self::ReadOnly => Fetch::First,
            Self::Number(_) | Self::Name(_) | Self::State | Self::Config => Fetch::Never,
        }
    }

    fn is_long(&self) -> bool {
        matches!(self, Self::Config)
    }

    fn refusal(&self) -> &'static CStr {
        match self {
            Self::Policy => c"is not a policy: ignored",
            _ => c"is out of range: ignored",
        }
    }
}

impl Shown for PathField {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Unsigned,
            Self::Link => Kind::Link,
            Self::Mac | Self::State | Self::Histogram => Kind::Text,
        }
    }

    fn fetch(&self) -> Fetch {
        Fetch::Never
    }

    fn is_long(&self) -> bool {
        matches!(self, Self::Histogram)
    }
}

/// Reads a target's node. Returns the value if it is a number; appends it to `text`
/// otherwise.
pub fn read(field: &TargetField, target: &Target<'_>, own: &Own, text: &mut Text<'_>) -> u64 {
    match field {
        TargetField::Number(of) => return of(&target.status()),
        TargetField::Maxwait => return signed(own.maxwait),
        TargetField::ReadOnly => return signed(own.read_only),
        TargetField::Name(of) => {
            text.push(target.status().names.map_or(&[], |identify| padded(of(identify))));
        }
        TargetField::State => text.push(target.status().state.as_bytes()),
        TargetField::Policy => text.push(policy_name(own.policy)),
        TargetField::Config => {
            // The string may hold any byte.
            let shown = |b: &u8| if matches!(b, b' '..=b'~') { *b } else { b'?' };
            target.config_string().iter().for_each(|b| text.push(&[shown(b)]));
        }
    }
    0
}

/// Extends a signed number to 64 bits, in the unsigned type that C uses.
fn signed(number: i32) -> u64 {
    i64::from(number).cast_unsigned()
}

/// Sets a setting of one target and returns the actions that must follow. A refused
/// value changes nothing.
pub fn write(field: &TargetField, value: &Value<'_>, own: &mut Own) -> Result<Effects, Refused> {
    let number = value.number;
    match field {
        TargetField::Maxwait if (AS_ALL..=LIMIT_SECONDS).contains(&number) => {
            (own.maxwait, own.is_told) = (number, 1);
            Ok(Effects::TELL)
        }
        TargetField::Policy => {
            own.policy = match value.text {
                b"default" => AS_ALL,
                name => policy_number(name).ok_or(Refused::Invalid)?,
            };
            Ok(Effects::TELL)
        }
        // An invalid value in the kernel environment may have been meant to protect the
        // disk, so it does.
        TargetField::ReadOnly if value.is_loaders || matches!(number, 0 | 1) => {
            own.read_only = (number != 0).into();
            Ok(Effects::PROTECT)
        }
        TargetField::Maxwait | TargetField::ReadOnly => Err(Refused::Invalid),
        TargetField::Number(_)
        | TargetField::Name(_)
        | TargetField::State
        | TargetField::Config => Err(Refused::ReadOnly),
    }
}

/// Reads a node of the `n`th path, as [`read`] does; `None` past the last path.
pub fn read_path(
    field: &PathField,
    target: &Target<'_>,
    n: usize,
    text: &mut Text<'_>,
) -> Option<u64> {
    let path = target.path_status(n)?;
    match field {
        PathField::Number(of) => return Some(of(&path)),
        PathField::Link => return Some(path.link.0.into()),
        PathField::Mac => text.push_mac(path.mac),
        PathField::State => text.push(path_state_name(path.state_code).as_bytes()),
        PathField::Histogram => write_histogram(target.path_histogram(n)?, text),
    }
    Some(0)
}

/// Appends a histogram: `64:12 128:7` means 12 answers in 64 to 127 us, and 7 in 128
/// to 255 us.
fn write_histogram(counts: &[u64; BUCKETS], text: &mut Text<'_>) {
    let mut from = 0_u64;
    let mut between: &[u8] = b"";
    for count in counts {
        if *count != 0 {
            text.push(between);
            text.push_number(from);
            text.push(b":");
            text.push_number(*count);
            between = b" ";
        }
        from = from.saturating_mul(2).max(1);
    }
}

/// Appends a target's line in `net.aoe.devices`.
pub fn write_line(target: &Target<'_>, address: Address, text: &mut Text<'_>) {
    let status = target.status();
    let name = |of: fn(&Identify) -> &[u8]| status.names.map_or(&[][..], |id| padded(of(id)));
    text.push(b"aoe");
    text.push_number(address.major.into());
    text.push(b"e");
    text.push_number(address.minor.into());
    text.push(b" ");
    text.push(status.state.as_bytes());
    text.push(b" ");
    text.push_number(status.sectors / 2048);
    text.push(b"MB <");
    text.push(name(|identify| &identify.model));
    text.push(b"> ");
    text.push(name(|identify| &identify.serial));
    text.push(b"\n");
}

#[cfg(test)]
mod tests {
    use super::super::TEXT_ROOM;
    use super::*;
    use std::string::String;

    #[test]
    fn a_histogram_says_from_where_on_and_fits_at_any_count() {
        let mut room = [0; TEXT_ROOM];
        let mut text = Text::new(&mut room);
        let mut counts = [0; BUCKETS];
        (counts[0], counts[1], counts[7], counts[23]) = (5, 1, 12, 7);
        write_histogram(&counts, &mut text);
        assert_eq!(text.get(), b"0:5 1:1 64:12 4194304:7");
        let mut text = Text::new(&mut room);
        write_histogram(&[u64::MAX; BUCKETS], &mut text);
        assert!(text.get().ends_with(b" 4194304:18446744073709551615"));
    }

    fn set(own: &mut Own, field: TargetField, number: i32, text: &str) -> Result<Effects, Refused> {
        write(&field, &Value { number, text: text.as_bytes(), is_loaders: false }, own)
    }

    #[test]
    fn the_maxwait_of_a_target_is_a_time_for_ever_or_that_of_all() {
        let mut own = Own::NONE;
        for seconds in [0, 1, LIMIT_SECONDS, AS_ALL] {
            assert_eq!(set(&mut own, TargetField::Maxwait, seconds, ""), Ok(Effects::TELL));
            assert_eq!((own.maxwait, own.is_told), (seconds, 1));
        }
        for bad in [-2, LIMIT_SECONDS + 1, i32::MIN] {
            assert_eq!(set(&mut own, TargetField::Maxwait, bad, ""), Err(Refused::Invalid));
            assert_eq!(own.maxwait, AS_ALL);
        }
    }

    #[test]
    fn the_policy_of_a_target_may_be_that_of_all() {
        let mut own = Own::NONE;
        for (name, number) in [("failover", 2), ("latency", 0), ("roundrobin", 1), ("default", -1)]
        {
            assert_eq!(set(&mut own, TargetField::Policy, 0, name), Ok(Effects::TELL));
            assert_eq!((own.policy, policy_name(own.policy)), (number, name.as_bytes()));
        }
        own.policy = 2;
        for bad in ["", "fast", "-1"] {
            assert_eq!(set(&mut own, TargetField::Policy, 0, bad), Err(Refused::Invalid));
            assert_eq!(own.policy, 2);
        }
    }

    #[test]
    fn a_loader_that_says_anything_but_0_protects_the_disk() {
        let mut own = Own::NONE;
        for (number, protects) in [(1, 1), (2, 1), (-1, 1), (0, 0)] {
            let value = Value { number, text: b"", is_loaders: true };
            assert_eq!(write(&TargetField::ReadOnly, &value, &mut own), Ok(Effects::PROTECT));
            assert_eq!(own.read_only, protects, "{number}");
        }
        for bad in [2, -1] {
            assert_eq!(set(&mut own, TargetField::ReadOnly, bad, ""), Err(Refused::Invalid));
        }
        assert_eq!(own, Own::NONE);
    }

    #[test]
    fn what_a_target_shows_cannot_be_set() {
        let mut own = Own::NONE;
        for node in TARGET.iter().filter(|node| node.access == Access::Read) {
            assert_eq!(set(&mut own, node.field, 1, "up"), Err(Refused::ReadOnly));
        }
        assert_eq!(own, Own::NONE);
        let names = TARGET.iter().filter(|node| node.access != Access::Read);
        let names: String = names.map(|node| node.name.to_str().unwrap()).collect();
        assert_eq!(names, "maxwaitpolicyreadonly");
    }
}
