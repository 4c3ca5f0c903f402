// SPDX-License-Identifier: BSD-2-Clause
//! Which interfaces are used, when each sends its beacon, and whether an answer
//! from an address without a target creates one.
//!
//! This file deals with names and links, not with existing targets.

use crate::absent::{ABSENT, Absences, Absent};
use crate::filter::{Admission, Filter, Kind, Meaningless, words};
use crate::offers::{Kept, Offer, Offers};
use crate::output::{HEADER_MAX, Transmit, Why};
use crate::random::Random;
use crate::slot::{LINKS, LinkId, PathId};
use crate::targets::{Frame, Link};
use crate::time::{Instant, Micros};
use crate::wire::{Address, Command, ConfigRequest, ConfigResponse, Header, Mac, Tag};

/// Longest list of interfaces, in bytes.
pub const LIST_MAX: usize = 1023;
/// Longest name of an interface.
const NAME_MAX: usize = 15;
/// The minimum time between two beacons, and the maximum random time that is added.
const BEACON: Micros = Micros::from_secs(54);
const JITTER_US: u32 = 6_000_000;

/// The intervals at which a beacon is repeated if it had a cause, such as a link that
/// came up or an administrator's request. A beacon may be lost for lack of memory,
/// and a switch that runs a spanning tree drops all frames in the first 30 seconds
/// after a link came up.
const AGAIN: [Micros; 5] = [
    Micros::from_secs(1),
    Micros::from_secs(2),
    Micros::from_secs(7),
    Micros::from_secs(20),
    Micros::from_secs(15),
];

/// A beacon follows this long after an answer that was dropped for lack of room.
const LOST: Micros = Micros::from_secs(1);

/// Why a list of interfaces is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// A name is too long for an interface.
    LongName,
    /// The list as a whole is too long.
    TooLong,
    /// A byte that is neither printable nor a blank.
    Unprintable,
}

/// The beacon of one interface.
#[derive(Clone, Copy, Debug)]
pub struct Beacon {
    link: Link,
    due: Instant,
    /// The address of a target to send a query to.
    wanted: Option<Address>,
    /// How many of the intervals in [`AGAIN`] have been used.
    repeated: usize,
}

impl Beacon {
    /// No interface.
    pub const NONE: Self =
        Self { link: Link::NONE, due: Instant::NEVER, wanted: None, repeated: AGAIN.len() };
}

/// The discovery of targets on all listed interfaces.
#[derive(Debug)]
pub struct Discovery<'a> {
    list: &'a mut [u8; LIST_MAX],
    length: usize,
    beacons: &'a mut [Beacon; LINKS],
    filter: &'a mut Filter,
    pub(crate) absences: Absences<'a>,
    offers: &'a mut Offers,
    random: Random,
}

impl<'a> Discovery<'a> {
    /// Starts discovery without any interface.
    pub fn new(
        list: &'a mut [u8; LIST_MAX],
        beacons: &'a mut [Beacon; LINKS],
        filter: &'a mut Filter,
        absent: &'a mut [Absent; ABSENT],
        offers: &'a mut Offers,
        seed: &[u8; 32],
    ) -> Self {
        let absences = Absences::new(absent);
        Self { list, length: 0, beacons, filter, absences, offers, random: Random::new(seed) }
    }

    /// Sets a filter. An invalid one is refused and changes nothing.
    pub fn set_filter(&mut self, kind: Kind, text: &[u8]) -> Result<(), Meaningless> {
        self.filter.set(kind, text)
    }

    /// Returns a filter's text as it was set.
    pub fn filter_text(&self, kind: Kind) -> &[u8] {
        self.filter.text(kind)
    }

    /// Returns whether any filter is set.
    pub fn is_filtering(&self) -> bool {
        self.filter.is_set()
    }

    /// Returns the filters' verdict on an answer to a config query. `config` is the
    /// beginning of the answer's config string.
    pub fn judge(&self, frame: &Frame<'_>, config: &[u8]) -> Admission {
        // Malformed frames are refused elsewhere.
        let Ok(header) = Header::parse(frame.header) else { return Admission::Granted };
        let Some(argument) = frame.header.get(Header::LEN..) else { return Admission::Granted };
        let Ok(answer) = ConfigResponse::parse(argument) else { return Admission::Granted };
        let length = config.len().min(usize::from(answer.string_length));
        self.filter.judge(header.address, header.src, config.get(..length).unwrap_or(&[]))
    }

    /// Sets the list of interface names, separated by spaces or commas, and makes a
    /// beacon due on every usable interface. A list with an error changes nothing.
    pub fn set_interfaces(&mut self, list: &[u8], now: Instant) -> Result<(), ListError> {
        if list.len() > LIST_MAX {
            return Err(ListError::TooLong);
        }
        if !list.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
            return Err(ListError::Unprintable);
        }
        if words(list).any(|name| name.len() > NAME_MAX) {
            return Err(ListError::LongName);
        }
        if let Some(place) = self.list.get_mut(..list.len()) {
            place.copy_from_slice(list);
            self.length = list.len();
        }
        self.discover(now);
        Ok(())
    }

    /// Returns the list of interfaces as it was set.
    pub fn interfaces(&self) -> &[u8] {
        self.list.get(..self.length).unwrap_or(&[])
    }

    /// Returns whether the list names this interface.
    pub fn is_listed(&self, name: &[u8]) -> bool {
        words(self.interfaces()).any(|n| n == name)
    }

    /// Notes that a listed interface was added, changed or removed. On an interface
    /// that has become usable, a beacon is due at once.
    pub fn handle_link(&mut self, id: LinkId, link: Link, now: Instant) {
        let Some(beacon) = self.beacons.get_mut(usize::from(id.0)) else { return };
        let was_usable = beacon.link.is_usable();
        beacon.link = link;
        if !link.is_usable() {
            beacon.due = Instant::NEVER;
            beacon.wanted = None;
        } else if !was_usable {
            beacon.due = now;
            beacon.repeated = 0;
        }
    }

    /// Makes a beacon due on every usable interface at `at` or before, and repeats it
    /// soon after. The repetitions matter after a new filter: they let it judge again
    /// a disk that was open only for a moment, perhaps because it was being tasted.
    pub fn discover(&mut self, at: Instant) {
        for beacon in self.beacons.iter_mut().filter(|b| b.link.is_usable()) {
            beacon.due = beacon.due.min(at);
            beacon.repeated = 0;
        }
    }

    /// Queries one target on every usable interface. On an interface where a query
    /// for another target is pending, a beacon is sent instead.
    pub fn ask(&mut self, address: Address, now: Instant) {
        for beacon in self.beacons.iter_mut().filter(|b| b.link.is_usable()) {
            if beacon.wanted.is_some_and(|other| other != address) {
                beacon.due = now;
            }
            beacon.wanted = Some(address);
        }
    }

    /// Returns whether to create a target for an answer from an address without one.
    /// It must be a config response to our MAC address or to broadcast, from an
    /// address that a target can have, and the filters must accept it.
    fn wants_target(&self, frame: &Frame<'_>) -> bool {
        let Ok(header) = Header::parse(frame.header) else { return false };
        let Some(beacon) = self.beacons.get(usize::from(frame.link.0)) else { return false };
        let whole = frame.header.len() >= Header::LEN.saturating_add(ConfigRequest::LEN);
        let to_us = header.dst == beacon.link.mac || header.dst == Mac::BROADCAST;
        header.response
            && whole
            && to_us
            && beacon.link.is_usable()
            && header.command == Command::Config
            && header.effective_error().is_none()
            && frame.admission == Admission::Granted
            && !header.address.is_broadcast()
            && !header.src.is_group()
    }

    /// Takes an answer from an address without a target, and keeps it if a target is
    /// to be created for it.
    pub fn offer(&mut self, frame: &Frame<'_>, now: Instant) -> Option<Kept> {
        let kept = self.wants_target(frame).then(|| self.offers.keep(frame));
        if kept == Some(Kept::Lost) {
            self.discover(now.after(LOST));
        }
        kept
    }

    /// Takes the oldest of the answers that are kept.
    pub fn take_offer(&mut self) -> Option<Offer> {
        self.offers.take()
    }

    /// Returns the next query that is due: a beacon, or a query for a single target.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let index = self.beacons.iter().position(|b| b.due <= now || b.wanted.is_some())?;
        let jitter = Micros(u64::from(self.random.below(JITTER_US)));
        // Bit 31 marks the tags of user tools, and tag 0 marks an advert.
        let tag = Tag(self.random.word() >> 1 | 1);
        let beacon = self.beacons.get_mut(index)?;
        let address = match beacon.wanted.take() {
            Some(address) if beacon.due > now => address,
            _ => Address::BROADCAST,
        };
        if beacon.due <= now {
            beacon.due = match AGAIN.get(beacon.repeated) {
                Some(gap) => now.after(*gap),
                None => now.after(BEACON).after(jitter),
            };
            beacon.repeated = beacon.repeated.saturating_add(1);
        }
        let mut header = [0; HEADER_MAX];
        let head = header.first_chunk_mut::<{ Header::LEN }>()?;
        let (all, us) = (Mac::BROADCAST, beacon.link.mac);
        Header::emit_request(all, us, address, Command::Config, tag, head);
        let mut query = [0; ConfigRequest::LEN];
        ConfigRequest::READ.emit(&mut query);
        header.get_mut(Header::LEN..Header::LEN + ConfigRequest::LEN)?.copy_from_slice(&query);
        Some(Transmit {
            link: LinkId(u8::try_from(index).ok()?),
            path: PathId(0),
            header_length: 32,
            header,
            data: None,
            frame_length: 60,
            copy: 0,
            flow: 0,
            io: 0,
            why: Why::Beacon,
        })
    }

    /// Returns when the next beacon is due.
    pub fn deadline(&self) -> Instant {
        self.beacons.iter().map(|b| b.due).min().unwrap_or(Instant::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    const US: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn discovery() -> Discovery<'static> {
        let list = Box::leak(Box::new([0; LIST_MAX]));
        let filter = Box::leak(Box::new(Filter::OPEN));
        let absent = Box::leak(Box::new([Absent::NONE; ABSENT]));
        let beacons = Box::leak(Box::new([Beacon::NONE; LINKS]));
        let offers = Box::leak(Box::new(Offers::NONE));
        Discovery::new(list, beacons, filter, absent, offers, &[3; 32])
    }

    fn up() -> Link {
        Link { mtu: 1500, mac: US, up: true, present: true }
    }

    fn beacons(d: &mut Discovery<'_>, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| d.poll_transmit(now)).map(|t| t.link.0).collect()
    }

    #[test]
    fn spaces_and_commas_separate_names() {
        let mut d = discovery();
        d.set_interfaces(b"em0, em1  ix2", Instant::ZERO).unwrap();
        assert!(d.is_listed(b"em0") && d.is_listed(b"em1") && d.is_listed(b"ix2"));
        assert!(!d.is_listed(b"em") && !d.is_listed(b""));
    }

    #[test]
    fn a_bad_list_changes_nothing() {
        let mut d = discovery();
        d.set_interfaces(b"em0", Instant::ZERO).unwrap();
        for (bad, why) in [
            (&b"em1 a23456789012345x"[..], ListError::LongName),
            (&b"em1\tem2"[..], ListError::Unprintable),
            (&b"em1 \xff"[..], ListError::Unprintable),
            (&[b','; 1024][..], ListError::TooLong),
        ] {
            assert_eq!(d.set_interfaces(bad, Instant::ZERO), Err(why));
        }
        assert!(d.is_listed(b"em0") && !d.is_listed(b"em1"));
        assert!(d.set_interfaces(b"a23456789012345", Instant::ZERO).is_ok());
    }

    /// Sends `count` beacons on link 0, from `now` on, and returns the seconds after
    /// each.
    fn gaps(d: &mut Discovery<'_>, now: &mut Instant, count: usize) -> Vec<u64> {
        let mut gaps = Vec::new();
        for _ in 0..count {
            assert_eq!(beacons(d, *now), [0]);
            gaps.push(d.deadline().since(*now).0 / 1_000_000);
            *now = d.deadline();
        }
        gaps
    }

    #[test]
    fn a_usable_link_beacons_at_once_a_few_times_soon_and_then_every_54_to_60_seconds() {
        let mut d = discovery();
        let mut now = Instant::from_micros(5);
        d.handle_link(LinkId(0), up(), now);
        // A spanning tree blocks a port for 30 seconds: it forwards only the last of
        // these.
        assert_eq!(gaps(&mut d, &mut now, 5), [1, 2, 7, 20, 15]);
        let later = gaps(&mut d, &mut now, 50);
        assert!(later.iter().all(|gap| (54..60).contains(gap)), "{later:?}");
        d.handle_link(LinkId(0), Link { up: false, ..up() }, now);
        d.handle_link(LinkId(0), up(), now);
        assert_eq!(gaps(&mut d, &mut now, 2), [1, 2]);
    }

    #[test]
    fn a_beacon_that_was_asked_for_is_repeated_soon() {
        let mut d = discovery();
        let mut now = Instant::from_micros(5);
        d.handle_link(LinkId(0), up(), now);
        gaps(&mut d, &mut now, 6);
        d.discover(now);
        assert_eq!(gaps(&mut d, &mut now, 5), [1, 2, 7, 20, 15]);
    }

    #[test]
    fn one_target_is_asked_for_by_its_address_and_nobody_else() {
        let mut d = discovery();
        let now = Instant::from_micros(5);
        d.handle_link(LinkId(0), up(), now);
        assert_eq!(beacons(&mut d, now), [0]);
        let later = d.deadline();
        d.ask(Address { major: 7, minor: 1 }, now);
        let query = d.poll_transmit(now).unwrap();
        assert_eq!(query.header[..6], [0xff; 6]);
        assert_eq!(query.header[14..20], [0x10, 0, 0, 7, 1, 1]);
        assert!(d.poll_transmit(now).is_none());
        assert_eq!(d.deadline(), later, "the beacon is due when it was before");
    }

    #[test]
    fn two_targets_at_once_are_asked_for_by_a_beacon() {
        let mut d = discovery();
        let now = Instant::from_micros(5);
        d.handle_link(LinkId(0), up(), now);
        assert_eq!(beacons(&mut d, now), [0]);
        d.ask(Address { major: 7, minor: 1 }, now);
        d.ask(Address { major: 7, minor: 2 }, now);
        assert_eq!(d.poll_transmit(now).unwrap().header[16..19], [0xff; 3]);
        assert!(d.poll_transmit(now).is_none());
    }

    #[test]
    fn a_filter_that_is_refused_changes_nothing() {
        let mut d = discovery();
        d.handle_link(LinkId(0), up(), Instant::ZERO);
        assert_eq!(d.set_filter(Kind::Shelves, b"x"), Err(Meaningless));
        let seven = d.judge(&frame(&advert(), Admission::Granted), b"");
        assert_eq!(seven, Admission::Granted);
    }

    #[test]
    fn setting_the_same_list_again_beacons_again() {
        let mut d = discovery();
        let now = Instant::from_micros(5);
        d.handle_link(LinkId(0), up(), now);
        d.set_interfaces(b"em0", now).unwrap();
        assert_eq!(beacons(&mut d, now), [0]);
        d.set_interfaces(b"em0", now).unwrap();
        assert_eq!(beacons(&mut d, now), [0]);
    }

    #[test]
    fn a_link_that_is_down_is_silent() {
        let mut d = discovery();
        d.handle_link(LinkId(0), Link { up: false, ..up() }, Instant::ZERO);
        d.discover(Instant::ZERO);
        assert_eq!(d.deadline(), Instant::NEVER);
    }

    #[test]
    fn a_beacon_asks_everyone_for_everything() {
        let mut d = discovery();
        d.handle_link(LinkId(0), up(), Instant::ZERO);
        let t = d.poll_transmit(Instant::ZERO).unwrap();
        assert_eq!(t.header[..6], [0xff; 6]);
        assert_eq!(t.header[6..12], US.0);
        assert_eq!(t.header[12..14], [0x88, 0xa2]);
        assert_eq!(t.header[14..20], [0x10, 0, 0xff, 0xff, 0xff, 1]);
        assert!(t.tag().0 != 0 && t.tag().0 >> 31 == 0);
        assert_eq!(t.header[24..32], [0; 8]);
        assert_eq!(t.frame_length, 60);
    }

    /// Returns an advert of shelf 7, slot 1 as vblade sends it: version 0,
    /// broadcast, tag 0.
    fn advert() -> [u8; 36] {
        let mut f = [0; 36];
        f[..6].fill(0xff);
        f[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        f[12..20].copy_from_slice(&[0x88, 0xa2, 0x08, 0, 0, 7, 1, 1]);
        f[24..32].copy_from_slice(&[0, 16, 0x40, 0x19, 2, 0x10, 0, 0]);
        f
    }

    fn frame(bytes: &[u8; 36], admission: Admission) -> Frame<'_> {
        Frame { header: bytes, length: 60, link: LinkId(0), admission }
    }

    #[test]
    fn what_the_filter_leaves_out_deserves_no_target() {
        let mut d = discovery();
        d.handle_link(LinkId(0), up(), Instant::ZERO);
        d.set_filter(Kind::Config, b"ours").unwrap();
        let mut bytes = advert();
        bytes[31] = 4;
        let ours = d.judge(&frame(&bytes, Admission::Granted), b"ours and more");
        let theirs = d.judge(&frame(&bytes, Admission::Granted), b"their");
        assert_eq!((ours, theirs), (Admission::Granted, Admission::NotWanted));
        assert!(d.wants_target(&frame(&bytes, ours)));
        assert!(!d.wants_target(&frame(&bytes, theirs)));
        // Only the length that the answer declares counts as its string.
        bytes[31] = 3;
        let short = d.judge(&frame(&bytes, Admission::Granted), b"ours");
        assert_eq!(short, Admission::NotWanted);
    }

    fn wants(change: impl FnOnce(&mut [u8; 36])) -> bool {
        let mut d = discovery();
        d.handle_link(LinkId(0), up(), Instant::ZERO);
        let mut bytes = advert();
        change(&mut bytes);
        d.wants_target(&frame(&bytes, Admission::Granted))
    }

    /// Offers an advert of this shelf, received on this interface.
    fn offer(d: &mut Discovery<'_>, shelf: u8, link: u8, now: Instant) -> Option<Kept> {
        d.handle_link(LinkId(link), up(), now);
        let mut bytes = advert();
        bytes[17] = shelf;
        d.offer(&Frame { link: LinkId(link), ..frame(&bytes, Admission::Granted) }, now)
    }

    #[test]
    fn offers_are_taken_in_the_order_in_which_they_came() {
        let mut d = discovery();
        assert_eq!(d.take_offer(), None);
        for shelf in 0..150 {
            assert_eq!(offer(&mut d, shelf, 0, Instant::ZERO), Some(Kept::New));
            assert_eq!(offer(&mut d, shelf, 1, Instant::ZERO), Some(Kept::New));
            let taken =
                [d.take_offer(), d.take_offer()].map(|o| o.map(|o| (o.header[17], o.link.0)));
            assert_eq!(taken, [Some((shelf, 0)), Some((shelf, 1))]);
        }
        assert_eq!(d.take_offer(), None);
    }

    #[test]
    fn of_two_offers_from_one_address_the_last_is_kept() {
        let mut d = discovery();
        d.handle_link(LinkId(0), up(), Instant::ZERO);
        let (old, mut new) = (advert(), advert());
        new[23] = 9;
        new[26] = 7;
        let kept = [old, new].map(|b| d.offer(&frame(&b, Admission::Granted), Instant::ZERO));
        assert_eq!(kept, [Some(Kept::New), Some(Kept::Again)]);
        assert_eq!(
            d.take_offer().map(|o| (o.header, o.length, o.link)),
            Some((new, 32, LinkId(0))),
            "the length without the config string"
        );
        assert_eq!(d.take_offer(), None);
    }

    #[test]
    fn for_an_offer_without_room_everybody_is_asked_again_in_a_second() {
        let mut d = discovery();
        let mut now = Instant::ZERO;
        for shelf in 0..64 {
            assert_eq!(offer(&mut d, shelf, 0, now), Some(Kept::New));
        }
        // The repetitions after the link came up are over.
        gaps(&mut d, &mut now, 10);
        assert_eq!(beacons(&mut d, now), [0]);
        let beacon = d.deadline();
        assert_eq!(offer(&mut d, 3, 0, now), Some(Kept::Again));
        assert_eq!(d.deadline(), beacon);
        assert_eq!(offer(&mut d, 64, 0, now), Some(Kept::Lost));
        assert_eq!(offer(&mut d, 65, 0, now.after(Micros(1))), Some(Kept::Lost));
        assert_eq!(d.deadline(), now.after(Micros::from_secs(1)));
        assert_eq!(d.take_offer().map(|o| o.header[17]), Some(0));
        assert_eq!(offer(&mut d, 64, 0, now), Some(Kept::New));
    }

    #[test]
    fn an_advert_deserves_a_target() {
        assert!(wants(|_| {}));
    }

    #[test]
    fn wild_addresses_requests_and_other_hosts_answers_do_not() {
        assert!(!wants(|f| f[18] = 0xff));
        assert!(!wants(|f| f[16..18].fill(0xff)));
        assert!(!wants(|f| f[14] = 0x10));
        assert!(!wants(|f| f[5] = 0));
        assert!(!wants(|f| f[6] = 3));
        assert!(!wants(|f| f[19] = 0));
        assert!(!wants(|f| f[15] = 5));
    }
}
