// SPDX-License-Identifier: BSD-2-Clause
//! Tests each finding with a snapshot in which only its cause is wrong.

#![expect(clippy::indexing_slicing, reason = "a test stops at whatever is unexpected")]

use aoe_core::ffi::abi::{INFO_CONFLICT, INFO_DOUBLED, INFO_RESERVED, PATH_ANY};

use super::findings::*;
use crate::Module;
use crate::ioctl::{
    EV_LEFT_OUT, PATH_CONFLICT, PATH_DOWN, PATH_UNUSABLE, PATH_UP, STATE_FAILED, STATE_SUSPENDED,
    STATE_UP, Target,
};
use crate::os::{Interface, Kind};
use aoe_core::wire::{Address, Mac};

const HERE: Address = Address { major: 7, minor: 3 };
const OTHER: Address = Address { major: 8, minor: 0 };
const US: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn put(field: &mut [u8], text: &str) {
    for (to, from) in field.iter_mut().zip(text.bytes()) {
        *to = from;
    }
}

/// A target that is up, with a path on em0 that carries large frames.
fn target() -> Target {
    let mut target = Target::about(HERE);
    put(&mut target.name, "aoe7e3");
    (target.npaths, target.info.state, target.info.reason_path) = (1, STATE_UP, PATH_ANY);
    let path = &mut target.path[0];
    put(&mut path.interface, "em0");
    (path.mtu, path.link_up, path.local) = (9000, 1, US.0);
    (path.info.state, path.info.sector_count) = (PATH_UP, 17);
    (path.info.payload, path.info.payload_max) = (8704, 8704);
    target
}

fn interface(name: &str) -> Interface {
    Interface { name: name.to_owned(), kind: Kind::Ethernet, is_up: true, has_carrier: true }
}

/// A snapshot without faults.
fn well() -> Snapshot {
    Snapshot {
        module: Module::Loaded,
        only: None,
        listed: vec!["em0".to_owned()],
        interfaces: vec![interface("em0")],
        counts: Counts { sent: 2, received: 3, ..Counts::default() },
        filters: Filters::default(),
        firewalls: Vec::new(),
        targets: vec![Known { target: target(), mask: Vec::new() }],
        absents: Vec::new(),
    }
}

/// The findings after a change of that snapshot, as lines.
fn found(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
    let mut seen = well();
    change(&mut seen);
    let line = |f: Finding| format!("{}: {}: {}; {}", f.kind, f.about, f.text, f.command);
    examine(&seen).0.into_iter().map(line).collect()
}

/// The findings after a change of the target.
fn found_of(change: impl FnOnce(&mut Target)) -> Vec<String> {
    found(|seen| change(&mut seen.targets[0].target))
}

const NO_LINES: [&str; 0] = [];

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(found(|_| ()), NO_LINES);
    assert_eq!(found(|seen| seen.only = Some(HERE)), NO_LINES);
}

#[test]
fn a_module_that_is_not_loaded_is_all_there_is_to_say() {
    let lines = found(|seen| (seen.module, seen.listed) = (Module::NotLoaded, Vec::new()));
    assert_eq!(lines, ["not-loaded: aoe: the module is not loaded; kldload aoe"]);
    let lines = found(|seen| seen.module = Module::OtherVersion);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("other-version: aoe: "), "{lines:?}");
}

#[test]
fn an_empty_list_names_the_interfaces_that_could_be_used() {
    let empty = "no-interface: net.aoe.iflist: empty, so no interface is used; aoectl interfaces ";
    let lines = found(|seen| {
        seen.listed.clear();
        seen.interfaces.push(Interface { kind: Kind::Other, ..interface("lo0") });
        seen.interfaces.push(interface("em1"));
    });
    assert_eq!(lines, [format!("{empty}em0 em1")]);
    let lines = found(|seen| (seen.listed, seen.interfaces) = (Vec::new(), Vec::new()));
    assert_eq!(lines, [format!("{empty}<interface>")]);
}

/// The findings about a second listed interface, after a change of it.
fn found_of_interface(change: impl FnOnce(&mut Interface)) -> Vec<String> {
    found(|seen| {
        seen.listed.push("em1".to_owned());
        let mut other = interface("em1");
        change(&mut other);
        seen.interfaces.push(other);
    })
}

#[test]
fn a_listed_interface_that_cannot_be_used_is_named() {
    let lines = found(|seen| seen.listed.push("em1".to_owned()));
    assert_eq!(lines, ["absent: em1: no such interface; ifconfig -l"]);
    let lines = found_of_interface(|i| (i.is_up, i.has_carrier) = (false, false));
    assert_eq!(lines, ["down: em1: the interface is down; ifconfig em1 up"]);
    let lines = found_of_interface(|i| i.has_carrier = false);
    assert_eq!(
        lines,
        ["no-carrier: em1: no carrier: check the cable and the switch port; ifconfig em1"]
    );
    let lines = found_of_interface(|i| i.kind = Kind::Other);
    assert_eq!(
        lines,
        ["not-ethernet: em1: not an Ethernet interface, so AoE cannot use it; aoectl interfaces"]
    );
    let lines = found_of_interface(|i| i.kind = Kind::LaggPort);
    assert_eq!(
        lines,
        ["lagg-port: em1: a port of a lagg(4): use the lagg, which receives its frames; \
          ifconfig -g lagg"]
    );
}

#[test]
fn an_interface_without_a_target_is_named_where_others_have_some() {
    let silent = "no-answer: em1: no target answers; \
                  tcpdump -e -n -i em1 ether proto 0x88a2";
    assert_eq!(found_of_interface(|_| ()), [silent]);
}

/// Changes a snapshot to one without targets.
fn alone(seen: &mut Snapshot, only: Option<Address>) {
    seen.targets.clear();
    seen.only = only;
}

#[test]
fn silence_is_told_with_the_firewalls_that_may_be_its_cause() {
    let silent = "no-answer: em0: frames are sent, but none are received; \
                  tcpdump -e -n -i em0 ether proto 0x88a2";
    let lines = found(|seen| {
        alone(seen, None);
        seen.counts.received = 0;
    });
    assert_eq!(lines, [silent]);
    let lines = found(|seen| {
        alone(seen, None);
        seen.counts.received = 0;
        seen.firewalls.push(("ipfw", "ipfw -a list"));
    });
    assert_eq!(lines, [silent, "firewall: firewall: ipfw may drop AoE; ipfw -a list"]);
}

#[test]
fn a_firewall_is_not_blamed_while_frames_come_in() {
    assert_eq!(found(|seen| seen.firewalls.push(("ipfw", "ipfw -a list"))), NO_LINES);
}

#[test]
fn frames_that_do_not_leave_are_told() {
    let lines = found(|seen| seen.counts = Counts { refused: 4, ..Counts::default() });
    assert_eq!(
        lines,
        ["send-refused: em0: frames refused by the interface or a firewall: 4; \
          sysctl net.aoe.stats.tx_errors"]
    );
    let lines = found(|seen| seen.counts = Counts::default());
    assert_eq!(lines, ["not-sent: em0: the query was not sent; sysctl net.aoe.stats"]);
}

#[test]
fn a_target_that_alone_does_not_answer_is_told_from_a_silent_network() {
    assert_eq!(
        found(|seen| alone(seen, Some(OTHER))),
        ["no-answer: aoe8e0: frames are received, but none from this target; \
          tcpdump -e -n -i em0 ether proto 0x88a2"]
    );
}

#[test]
fn an_interface_that_is_not_listed_is_told_while_nothing_answers() {
    let lines = found(|seen| seen.interfaces.push(interface("em1")));
    assert_eq!(lines, NO_LINES);
    let lines = found(|seen| {
        alone(seen, Some(OTHER));
        seen.interfaces.push(interface("em1"));
        seen.interfaces.push(Interface { is_up: false, ..interface("em2") });
    });
    assert_eq!(
        lines[1..],
        ["not-listed: em1: up, but not listed; the target may be on it; aoectl interfaces em0 em1"]
    );
}

#[test]
fn a_filter_of_shelves_is_read_and_the_others_by_what_they_left_out() {
    let lines = found(|seen| {
        alone(seen, Some(OTHER));
        (seen.counts.filtered, seen.filters.shelves) = (1, "1-7".to_owned());
    });
    assert_eq!(
        lines,
        ["filtered: aoe8e0: net.aoe.filter.shelves excludes shelf 8; \
          sysctl net.aoe.filter.shelves"]
    );
    let lines = found(|seen| {
        alone(seen, Some(OTHER));
        (seen.counts.filtered, seen.filters.shelves) = (2, "8".to_owned());
        (seen.filters.config, seen.filters.macs) = ("mine".to_owned(), String::new());
    });
    assert_eq!(
        lines,
        [
            "filtered: net.aoe.filter.shelves: set; answers rejected by filters: 2; \
             sysctl net.aoe.filter.shelves",
            "filtered: net.aoe.filter.config: set; answers rejected by filters: 2; \
             sysctl net.aoe.filter.config"
        ]
    );
}

#[test]
fn a_filter_that_leaves_others_out_is_no_fault() {
    assert_eq!(
        found(|seen| (seen.counts.filtered, seen.filters.shelves) = (2, "7".to_owned())),
        NO_LINES
    );
}

#[test]
fn targets_past_the_limit_are_counted_and_others_without_a_disk_named() {
    let absent =
        |event, text: &str| Absent { address: OTHER, event, limit: 64, text: text.to_owned() };
    let lines = found(|seen| seen.absents = vec![absent(EV_LEFT_OUT, "left out"); 2]);
    assert_eq!(
        lines,
        ["maxtargets: net.aoe.maxtargets: the limit is 64, targets left out: 2; \
          echo 'net.aoe.maxtargets=\"<more>\"' >>/boot/loader.conf"]
    );
    let why = "no answer to IDENTIFY; does an access list exclude this host?";
    let lines = found(|seen| seen.absents = vec![absent(21, why)]);
    assert_eq!(lines, [format!("not-used: aoe8e0: {why}; aoectl log 8.0")]);
}

#[test]
fn another_disk_is_a_conflict_and_can_be_accepted_where_the_disk_is_gone() {
    let accept = "conflict: aoe7e3 path 0: another disk answers instead of the known one; \
                  aoectl accept 7.3";
    let lines = found_of(|target| {
        (target.info.state, target.path[0].info.state) = (STATE_SUSPENDED, PATH_CONFLICT);
        target.info.flags = INFO_CONFLICT;
    });
    assert_eq!(lines[1..], [accept]);
    let lines = found_of(|target| target.path[0].info.state = PATH_CONFLICT);
    assert_eq!(
        lines,
        ["conflict: aoe7e3 path 0: another disk answers on this path; aoectl log 7.3"]
    );
    let lines = found_of(|target| target.info.flags = INFO_CONFLICT | INFO_DOUBLED);
    assert_eq!(
        lines,
        [
            "conflict: aoe7e3: another disk claims this address; aoectl log 7.3",
            "doubled: aoe7e3: every request is answered twice; aoectl log 7.3"
        ]
    );
}

#[test]
fn a_reservation_of_another_host_is_told() {
    assert_eq!(
        found_of(|target| target.info.flags = INFO_RESERVED),
        ["reserved: aoe7e3: reserved by another host: I/O fails; aoectl reserve 7.3"]
    );
}

#[test]
fn a_suspended_target_is_explained_by_its_paths() {
    let suspended = "suspended: aoe7e3: suspended: no usable path; I/O waits; \
                     aoectl paths 7.3";
    let silent = |target: &mut Target| {
        (target.info.state, target.path[0].info.state) = (STATE_SUSPENDED, PATH_DOWN);
        target.path[0].info.mac = [2, 0, 0, 0, 7, 3];
    };
    assert_eq!(
        found_of(silent),
        [
            suspended,
            "silent: aoe7e3 path 0: 02:00:00:00:07:03 does not answer on em0; aoectl ping -p 0 7.3"
        ]
    );
    // If the interface has a fault, only that is reported.
    let lines = found(|seen| {
        silent(&mut seen.targets[0].target);
        seen.interfaces[0].is_up = false;
    });
    assert_eq!(lines, ["down: em0: the interface is down; ifconfig em0 up", suspended]);
    let lines = found(|seen| {
        silent(&mut seen.targets[0].target);
        put(&mut seen.targets[0].target.path[0].interface, "em1");
        seen.interfaces.push(interface("em1"));
    });
    assert_eq!(
        lines[1..],
        [suspended, "not-listed: aoe7e3 path 0: em1 is not listed; aoectl interfaces em0 em1"]
    );
}

#[test]
fn targets_in_other_states_are_told_from_suspended_ones() {
    let lines = found_of(|target| target.info.state = STATE_FAILED);
    assert_eq!(
        lines,
        ["failed: aoe7e3: no answer for longer than maxwait; I/O fails; aoectl ping 7.3"]
    );
    let lines = found_of(|target| target.info.state = 1);
    assert_eq!(lines, ["identifying: aoe7e3: no answer to IDENTIFY yet; aoectl discover 7.3"]);
}

#[test]
fn the_drivers_reason_is_given_for_the_disk_or_the_path_it_is_about() {
    let lines = found_of(|target| {
        target.info.state = 1;
        put(&mut target.reason, "logical sectors of 520 bytes are not supported");
    });
    assert_eq!(
        lines,
        ["not-used: aoe7e3: logical sectors of 520 bytes are not supported; aoectl log 7.3"]
    );
    let lines = found_of(|target| {
        (target.path[0].info.state, target.info.reason_path) = (PATH_UNUSABLE, 0);
        put(&mut target.reason, "a sector does not fit into a frame");
    });
    assert_eq!(
        lines,
        ["not-used: aoe7e3 path 0: a sector does not fit into a frame; aoectl paths 7.3"]
    );
}

/// The findings if the target has a mask, and a second path that is down.
fn masked(mask: &[Mac]) -> Vec<String> {
    found(|seen| {
        let known = &mut seen.targets[0];
        known.mask = mask.to_vec();
        known.target.npaths = 2;
        known.target.path[1] = known.target.path[0];
        let path = &mut known.target.path[1];
        (path.info.index, path.info.state, path.local) = (1, PATH_DOWN, [2, 0, 0, 0, 0, 2]);
    })
}

#[test]
fn a_mask_that_lacks_this_host_is_told_with_the_address_to_add() {
    let lines = masked(&[US]);
    assert_eq!(
        lines,
        ["masked: aoe7e3 path 1: the target's mask lacks this host's address, 02:00:00:00:00:02; \
          aoectl mask 7.3 add 02:00:00:00:00:02"]
    );
    for mask in [&[][..], &[US, Mac([2, 0, 0, 0, 0, 2])]] {
        assert!(masked(mask)[0].starts_with("silent: aoe7e3 path 1: "), "{mask:?}");
    }
}

#[test]
fn an_mtu_below_the_targets_is_told_and_the_other_way_round() {
    let lines = found_of(|target| target.path[0].mtu = 1500);
    assert_eq!(
        lines,
        ["mtu: aoe7e3 path 0: em0 allows 1024 bytes per frame (MTU 1500), the target 8704; \
          ifconfig em0 mtu 9000"]
    );
    let lines = found_of(|target| target.path[0].info.sector_count = 2);
    assert_eq!(
        lines,
        ["mtu: aoe7e3 path 0: the target allows 1024 bytes per frame, em0 8704 (MTU 9000); \
          aoectl sancheck 7.3"]
    );
    // Some targets round down to one block less.
    assert_eq!(found_of(|target| target.path[0].info.sector_count = 16), NO_LINES);
}

#[test]
fn large_frames_that_are_lost_are_told() {
    assert_eq!(
        found_of(|target| target.path[0].info.payload = 1024),
        [
            "large-frames: aoe7e3 path 0: large frames are lost: 1024 bytes per frame arrive, not 8704; \
          aoectl sancheck 7.3"
        ]
    );
}

#[test]
fn counters_that_began_anew_are_taken_as_they_are() {
    let now = Counts { sent: 5, refused: 0, received: 1, filtered: 0 };
    let before = Counts { sent: 3, refused: 0, received: 900, filtered: 0 };
    let grown = now.since(&before);
    assert_eq!((grown.sent, grown.received), (2, 1));
}
