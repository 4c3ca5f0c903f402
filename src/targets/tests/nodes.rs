// SPDX-License-Identifier: BSD-2-Clause
//! What the sysctl nodes of a target show.

use super::rig::*;
use crate::config::Own;
use crate::nodes::target::{PATH, TARGET, read, read_path, write_line};
use crate::nodes::{Kind, Shown, TEXT_ROOM};
use crate::text::Text;
use std::format;
use std::string::String;

fn shown(rig: &Rig, own: &Own, name: &str) -> String {
    let node = TARGET.iter().find(|node| node.name.to_str() == Ok(name)).unwrap();
    let mut room = [0xa5; TEXT_ROOM];
    let mut text = Text::new(&mut room);
    let number = read(&node.field, &rig.target, own, &mut text);
    match node.field.kind() {
        Kind::Text => String::from_utf8(text.get().to_vec()).unwrap(),
        Kind::Int => format!("{}", number.cast_signed()),
        _ => format!("{number}"),
    }
}

#[test]
fn a_target_shows_what_it_is_and_what_was_set() {
    let mut rig = Rig::up();
    let own = Own { policy: 2, read_only: 1, ..Own::NONE };
    for (name, value) in [
        ("state", "up"),
        ("serial", "7.1:host"),
        ("model", "vblade"),
        ("firmware", ""),
        ("size", "512000"),
        ("buffer_count", "16"),
        ("open", "0"),
        ("maxwait", "-1"),
        ("policy", "failover"),
        ("readonly", "1"),
    ] {
        assert_eq!(shown(&rig, &own, name), value, "{name}");
    }
    rig.target.handle_open(rig.now).unwrap();
    assert_eq!(shown(&rig, &own, "open"), "1");
}

#[test]
fn a_config_string_is_shown_as_text_at_any_length() {
    let mut rig = Rig::up();
    rig.target.config[..6].copy_from_slice(b"a\x01 \xff~\x7f");
    rig.target.config_length = 6;
    assert_eq!(shown(&rig, &Own::NONE, "config"), "a? ?~?");
    rig.target.config.fill(b'x');
    rig.target.config_length = 1024;
    assert_eq!(shown(&rig, &Own::NONE, "config").len(), 1024);
}

#[test]
fn a_path_shows_its_ends_and_nothing_is_past_the_last() {
    let rig = Rig::up();
    let shown = |name: &str, n| {
        let node = PATH.iter().find(|node| node.name.to_str() == Ok(name)).unwrap();
        let mut room = [0; TEXT_ROOM];
        let mut text = Text::new(&mut room);
        let number = read_path(&node.field, &rig.target, n, &mut text)?;
        Some((number, String::from_utf8(text.get().to_vec()).unwrap()))
    };
    assert_eq!(shown("interface", 0), Some((0, String::new())), "by its number");
    assert_eq!(shown("mac", 0), Some((0, "02:00:00:00:00:09".into())));
    assert_eq!(shown("state", 0), Some((0, "up".into())));
    assert_eq!(shown("payload", 0), Some((1024, String::new())));
    assert!(PATH.iter().all(|node| shown(node.name.to_str().unwrap(), 1).is_none()));
}

#[test]
fn a_target_has_a_line_among_the_devices() {
    let line = |rig: &Rig| {
        let mut room = [0; TEXT_ROOM];
        let mut text = Text::new(&mut room);
        write_line(&rig.target, ADDRESS, &mut text);
        String::from_utf8(text.get().to_vec()).unwrap()
    };
    assert_eq!(line(&Rig::up()), "aoe7e1 up 0MB <vblade> 7.1:host\n");
    assert_eq!(line(&Rig::new()), "aoe7e1 discovered 0MB <> \n");
}
