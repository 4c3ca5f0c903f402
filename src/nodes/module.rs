// SPDX-License-Identifier: BSD-2-Clause
//! `net.aoe`: settings of the module as a whole, and its counters.

use super::{Access, Effects, Fetch, Kind, Node, Refused, Shown, Value, tree};
use crate::config::{Config, LIMIT_SECONDS, POLICIES};
use crate::discovery::Discovery;
use crate::filter;
use crate::request::Requests;
use crate::text::Text;
use crate::time::Instant;
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering};

/// The value that a node of the module shows.
#[derive(Clone, Copy, Debug)]
pub enum ModuleField {
    /// A number that is stored in [`Config`].
    Number(Number),
    /// The policy for choosing paths.
    Policy,
    /// The list of interfaces, as it was set.
    Interfaces,
    /// One of the filters.
    Filter(filter::Kind),
    /// Sends discovery queries when 1 is written.
    Discover,
    /// One line for each target.
    Devices,
    /// The driver's version.
    Version,
    /// A counter. Its number is the node's index in the tree.
    Counter,
}

/// The default, range, location and effects of a number in [`Config`].
#[derive(Clone, Copy, Debug)]
pub struct Number {
    default: i32,
    least: i32,
    most: i32,
    place: fn(&Config) -> &AtomicI32,
    effects: Effects,
}

impl Number {
    /// Returns where the number is stored.
    pub(crate) fn place<'c>(&self, config: &'c Config) -> &'c AtomicI32 {
        (self.place)(config)
    }
}

type Place = fn(&Config) -> &AtomicI32;

const fn number(default: i32, least: i32, most: i32, place: Place) -> ModuleField {
    ModuleField::Number(Number { default, least, most, place, effects: Effects::TELL })
}

const fn switch(place: Place) -> ModuleField {
    number(0, 0, 1, place)
}

#[expect(clippy::as_conversions, reason = "the value is 128")]
const MAXOUT_LIMIT: i32 = Requests::SLOTS as i32;
const DUMP: ModuleField = ModuleField::Number(Number {
    default: 0,
    least: 0,
    most: 1,
    place: |c| &c.dump,
    effects: Effects::DUMP,
});

/// `net.aoe`. The list of interfaces is fetched after all other settings, since it
/// starts discovery.
#[rustfmt::skip]
pub static ROOT: &[Node<ModuleField>] = tree! {
    c"maxwait", c"Seconds that I/O waits for a target that does not answer (0: for ever)",
        Tunable, number(180, 0, LIMIT_SECONDS, |c| &c.maxwait);
    c"fail_on_disconnection", c"Remove a disk as soon as its target is suspended",
        Tunable, switch(|c| &c.fail_on_disconnection);
    c"taste_wait", c"Seconds that GEOM's own reads may wait when it tastes a new disk",
        Tunable, number(10, 0, 3600, |c| &c.taste_wait);
    c"ghost_wait", c"Seconds after which an unanswered copy of a write is considered lost",
        Tunable, number(10, 0, 3600, |c| &c.ghost_wait);
    c"shutdown_wait", c"Maximum of maxwait, in seconds, while the system shuts down",
        Tunable, number(30, 1, 3600, |c| &c.shutdown_wait);
    c"strict_src", c"Accept an answer only from the address that the request was sent to",
        Tunable, switch(|c| &c.strict_src);
    c"boot", c"Bring up the listed interfaces and hold the root mount for their disks",
        Tunable, switch(|c| &c.boot);
    c"boot_wait", c"Maximum number of seconds that net.aoe.boot delays the root mount",
        Tunable, number(60, 1, 3600, |c| &c.boot_wait);
    c"abft", c"At load, also use the interface that the AoE boot firmware table names",
        Tunable, switch(|c| &c.abft);
    c"dump", c"Let the kernel write crash dumps to AoE disks (experimental)",
        Tunable, DUMP;
    c"maxout", c"Maximum number of outstanding requests on one path",
        Tunable, number(128, 1, MAXOUT_LIMIT, |c| &c.maxout);
    c"maxtargets", c"Maximum number of targets",
        AtLoad, number(64, 1, 4096, |c| &c.maxtargets);
    c"debug", c"If above 0, log changes of interfaces and do not limit messages",
        Tunable, number(0, 0, 9, |c| &c.debug);
    c"wc", c"Write cache of the disks (-1: unchanged, 0: off, 1: on)",
        Tunable, number(-1, -1, 1, |c| &c.wc);
    c"discover", c"Set to 1 to query for targets on every listed interface now",
        Tunable, ModuleField::Discover;
    c"iflist", c"Interfaces to use, separated by spaces or commas",
        Tunable, ModuleField::Interfaces;
    c"policy", c"Policy for choosing a path: latency, roundrobin or failover",
        Tunable, ModuleField::Policy;
    c"devices", c"The targets: name, state, size, model, serial number",
        Read, ModuleField::Devices;
    c"version", c"Version of the driver",
        Read, ModuleField::Version;
};

/// `net.aoe.filter`.
#[rustfmt::skip]
pub static FILTER: &[Node<ModuleField>] = tree! {
    c"shelves", c"Shelves and ranges of shelves; empty: all",
        Tunable, ModuleField::Filter(filter::Kind::Shelves);
    c"config", c"Required prefix of the config string; empty: any string",
        Tunable, ModuleField::Filter(filter::Kind::Config);
    c"macs", c"MAC addresses, or target=address to pin a target; empty: any",
        Tunable, ModuleField::Filter(filter::Kind::Macs);
};

/// `net.aoe.stats`, in the order of `enum aoe_stat`.
#[rustfmt::skip]
pub static STATS: &[Node<ModuleField>] = tree! {
    c"rx_frames", c"Frames received", Read, ModuleField::Counter;
    c"rx_malformed", c"Malformed frames received", Read, ModuleField::Counter;
    c"rx_strangers", c"Frames received from shelves and slots without a target here",
        Read, ModuleField::Counter;
    c"rx_group", c"Answers from a group address", Read, ModuleField::Counter;
    c"rx_filtered", c"Discovery answers that a filter rejected",
        Read, ModuleField::Counter;
    c"tx_frames", c"Frames sent", Read, ModuleField::Counter;
    c"tx_errors", c"Frames refused by an interface or a firewall", Read, ModuleField::Counter;
    c"tx_link_down", c"Frames not sent because the link was down", Read, ModuleField::Counter;
    c"tx_too_long", c"Frames not sent because the MTU had shrunk", Read, ModuleField::Counter;
    c"no_buffer", c"Frames lost for lack of memory", Read, ModuleField::Counter;
    c"reserve_used", c"Frames sent from a target's reserve because memory was short",
        Read, ModuleField::Counter;
    c"io_queued", c"I/Os that waited because their target had too many in progress",
        Read, ModuleField::Counter;
    c"targets_refused", c"Answers from targets left out because of maxtargets",
        Read, ModuleField::Counter;
    c"adverts_lost", c"Answers from new targets lost because too many arrived at once",
        Read, ModuleField::Counter;
};

impl Shown for ModuleField {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) | Self::Discover => Kind::Int,
            Self::Policy | Self::Interfaces | Self::Filter(_) | Self::Version => Kind::Text,
            Self::Devices => Kind::Devices,
            Self::Counter => Kind::Unsigned,
        }
    }

    fn fetch(&self) -> Fetch {
        match self {
            Self::Number(_) | Self::Policy => Fetch::First,
            Self::Interfaces | Self::Filter(_) => Fetch::Last,
            Self::Discover | Self::Devices | Self::Version | Self::Counter => Fetch::Never,
        }
    }

    fn is_long(&self) -> bool {
        matches!(self, Self::Interfaces | Self::Filter(_))
    }

    fn refusal(&self) -> &'static CStr {
        match self {
            Self::Policy => c"is not a policy: ignored",
            Self::Filter(_) => c"is malformed: no interface is used",
            Self::Interfaces => c"is not a list of interfaces: ignored",
            _ => c"is out of range: ignored",
        }
    }
}

/// Sets every setting to its default.
pub fn set_defaults(config: &Config) {
    config.policy.store(0, Ordering::Relaxed);
    config.filtering.store(0, Ordering::Relaxed);
    for node in ROOT {
        if let ModuleField::Number(n) = node.field {
            n.place(config).store(n.default, Ordering::Relaxed);
        }
    }
}

/// Reads a node. Returns the value if it is a number; appends it to `text` otherwise.
pub fn read(
    field: &ModuleField,
    config: &Config,
    discovery: Option<&Discovery<'_>>,
    text: &mut Text<'_>,
) -> i32 {
    match field {
        ModuleField::Number(n) => return n.place(config).load(Ordering::Relaxed),
        ModuleField::Policy => text.push(policy_name(config.policy.load(Ordering::Relaxed))),
        ModuleField::Interfaces => text.push(discovery.map_or(&[], |d| d.interfaces())),
        ModuleField::Filter(kind) => text.push(discovery.map_or(&[], |d| d.filter_text(*kind))),
        ModuleField::Version => text.push(env!("CARGO_PKG_VERSION").as_bytes()),
        ModuleField::Discover | ModuleField::Devices | ModuleField::Counter => {}
    }
    0
}

/// Sets a value and returns the actions that must follow. A refused value changes
/// nothing.
pub fn write(
    field: &ModuleField,
    value: &Value<'_>,
    config: &Config,
    discovery: Option<&mut Discovery<'_>>,
    now: Instant,
) -> Result<Effects, Refused> {
    match field {
        ModuleField::Number(n) => {
            let sound = (n.least..=n.most).contains(&value.number);
            sound.then(|| n.place(config).store(value.number, Ordering::Relaxed));
            sound.then_some(n.effects).ok_or(Refused::Invalid)
        }
        ModuleField::Policy => {
            let number = policy_number(value.text).ok_or(Refused::Invalid)?;
            config.policy.store(number, Ordering::Relaxed);
            Ok(Effects::TELL)
        }
        ModuleField::Interfaces => {
            let discovery = discovery.ok_or(Refused::Absent)?;
            discovery.set_interfaces(value.text, now).map_err(|_| Refused::Invalid)?;
            Ok(Effects::LOOK | Effects::SEND)
        }
        ModuleField::Filter(kind) => {
            let discovery = discovery.ok_or(Refused::Absent)?;
            discovery.set_filter(*kind, value.text).map_err(|_| Refused::Invalid)?;
            // Queries existing targets, since the filter applies to their answers.
            discovery.discover(now);
            config.filtering.store(discovery.is_filtering().into(), Ordering::Release);
            Ok(Effects::SEND)
        }
        ModuleField::Discover => match value.number {
            0 => Ok(Effects::default()),
            1 => {
                discovery.ok_or(Refused::Absent)?.discover(now);
                Ok(Effects::LOOK | Effects::SEND | Effects::ASK)
            }
            _ => Err(Refused::Invalid),
        },
        ModuleField::Devices | ModuleField::Version | ModuleField::Counter => {
            Err(Refused::ReadOnly)
        }
    }
}

/// Returns the name of a policy, or `default` if no policy has this number.
pub(super) fn policy_name(number: i32) -> &'static [u8] {
    let found = usize::try_from(number).ok().and_then(|n| POLICIES.get(n));
    found.map_or(b"default", |(_, name)| name.as_bytes())
}

/// Returns the number of a policy by its name.
pub(super) fn policy_number(name: &[u8]) -> Option<i32> {
    let place = POLICIES.iter().position(|(_, known)| known.as_bytes() == name)?;
    i32::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::absent::{ABSENT, Absent};
    use crate::discovery::{Beacon, LIST_MAX};
    use crate::filter::{FILTER_MAX, Filter};
    use crate::slot::LINKS;
    use std::boxed::Box;
    use std::string::String;

    fn discovery() -> Discovery<'static> {
        let list = Box::leak(Box::new([0; LIST_MAX]));
        let filter = Box::leak(Box::new(Filter::OPEN));
        let absent = Box::leak(Box::new([Absent::NONE; ABSENT]));
        let beacons = Box::leak(Box::new([Beacon::NONE; LINKS]));
        let offers = Box::leak(Box::new(crate::offers::Offers::NONE));
        Discovery::new(list, beacons, filter, absent, offers, &[3; 32])
    }

    /// The settings, and the discovery object, which stores the texts.
    struct Bed {
        config: Config,
        discovery: Discovery<'static>,
    }

    impl Bed {
        fn new() -> Self {
            let bed = Self { config: Config::default(), discovery: discovery() };
            set_defaults(&bed.config);
            bed
        }

        fn read(&self, name: &str) -> (i32, String) {
            let mut room = [0xa5; super::super::TEXT_ROOM];
            let mut text = Text::new(&mut room);
            let number = read(&field(name), &self.config, Some(&self.discovery), &mut text);
            (number, String::from_utf8(text.get().to_vec()).unwrap())
        }

        fn write(&mut self, name: &str, number: i32, text: &[u8]) -> Result<Effects, Refused> {
            let value = Value { number, text, is_loaders: false };
            write(&field(name), &value, &self.config, Some(&mut self.discovery), Instant::ZERO)
        }
    }

    fn field(name: &str) -> ModuleField {
        let mut nodes = ROOT.iter().chain(FILTER).chain(STATS);
        nodes.find(|node| node.name.to_str() == Ok(name)).unwrap().field
    }

    #[test]
    fn every_number_has_a_default_and_bounds_that_hold() {
        for node in ROOT {
            let ModuleField::Number(n) = node.field else { continue };
            let name = node.name.to_str().unwrap();
            let mut bed = Bed::new();
            assert!((n.least..=n.most).contains(&n.default), "{name}");
            assert_eq!(bed.read(name).0, n.default, "{name}");
            for bad in [n.least - 1, n.most + 1, i32::MIN, i32::MAX] {
                assert_eq!(bed.write(name, bad, b""), Err(Refused::Invalid), "{name}={bad}");
                assert_eq!(bed.read(name).0, n.default, "{name}={bad}");
            }
            for good in [n.least, n.most] {
                assert_eq!(bed.write(name, good, b""), Ok(n.effects), "{name}={good}");
                assert_eq!(bed.read(name).0, good, "{name}={good}");
            }
        }
    }

    #[test]
    fn a_policy_is_one_of_three_names() {
        let mut bed = Bed::new();
        assert_eq!(bed.read("policy").1, "latency");
        for name in ["roundrobin", "failover", "latency"] {
            assert_eq!(bed.write("policy", 0, name.as_bytes()), Ok(Effects::TELL));
            assert_eq!(bed.read("policy").1, name);
        }
        for bad in ["default", "", "Latency", "latency "] {
            assert_eq!(bed.write("policy", 0, bad.as_bytes()), Err(Refused::Invalid), "{bad}");
        }
        assert_eq!(bed.read("policy").1, "latency");
    }

    #[test]
    fn texts_are_read_back_as_they_were_set_at_any_length() {
        let mut bed = Bed::new();
        let longest = [b','; LIST_MAX];
        let all = Effects::LOOK | Effects::SEND;
        for list in [&b" em0 ,, em1 "[..], b"em0 em0", b"", &longest] {
            assert_eq!(bed.write("iflist", 0, list), Ok(all));
            assert_eq!(bed.read("iflist").1.as_bytes(), list);
        }
        assert_eq!(bed.write("iflist", 0, b"em0\x01"), Err(Refused::Invalid));
        assert_eq!(bed.write("iflist", 0, &[b','; LIST_MAX + 1]), Err(Refused::Invalid));
        assert_eq!(bed.read("iflist").1.as_bytes(), longest);
        for name in ["shelves", "macs"] {
            let longest = [b','; FILTER_MAX];
            assert_eq!(bed.write(name, 0, &longest), Ok(Effects::SEND));
            assert_eq!(bed.read(name).1.as_bytes(), longest);
        }
    }

    #[test]
    fn answers_are_judged_while_a_filter_has_text() {
        let mut bed = Bed::new();
        let is_filtering = |bed: &Bed| bed.config.filtering.load(Ordering::Acquire) == 1;
        bed.write("shelves", 0, b"7").unwrap();
        bed.write("config", 0, b"host a").unwrap();
        assert!(is_filtering(&bed));
        assert_eq!(bed.write("shelves", 0, b"7-"), Err(Refused::Invalid));
        assert_eq!(bed.read("shelves").1, "7");
        bed.write("shelves", 0, b"").unwrap();
        assert!(is_filtering(&bed), "one filter is left");
        bed.write("config", 0, b"").unwrap();
        assert!(!is_filtering(&bed));
    }

    #[test]
    fn discover_asks_when_it_is_1() {
        let mut bed = Bed::new();
        assert_eq!(bed.write("discover", 0, b""), Ok(Effects::default()));
        let all = Effects::LOOK | Effects::SEND | Effects::ASK;
        assert_eq!(bed.write("discover", 1, b""), Ok(all));
        assert_eq!(bed.write("discover", 2, b""), Err(Refused::Invalid));
        assert_eq!(bed.read("discover").0, 0);
    }

    #[test]
    fn texts_have_no_place_until_discovery_is_there() {
        let config = Config::default();
        let value = Value { number: 1, text: b"em0", is_loaders: true };
        for name in ["iflist", "config", "discover"] {
            let result = write(&field(name), &value, &config, None, Instant::ZERO);
            assert_eq!(result, Err(Refused::Absent), "{name}");
        }
    }

    #[test]
    fn what_is_only_shown_refuses_values() {
        let mut bed = Bed::new();
        for name in ["devices", "version", "rx_frames"] {
            assert_eq!(bed.write(name, 1, b"1"), Err(Refused::ReadOnly), "{name}");
        }
        assert_eq!(bed.read("version").1, env!("CARGO_PKG_VERSION"));
    }
}
