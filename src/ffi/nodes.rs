// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for the settings and the sysctl nodes.

use super::abi::{self, AoeConfig, AoeNode, AoeOwn, AoeSettings, AoeValue};
use super::block::{self, Block};
use super::convert::{self, EINVAL, ENOENT, ENXIO, EPERM};
use super::disco::{DiscoBlock, discovery, discovery_ref};
use crate::config::{Config, Own};
use crate::nodes::module::{self, FILTER, ModuleField, ROOT, STATS};
use crate::nodes::target::{self, PATH, TARGET};
use crate::nodes::{Access, Effects, Fetch, Kind, Node, Refused, Shown, Value};
use crate::text::{Text, padded};
use crate::time::Instant;
use core::ffi::c_char;
use core::slice;

/// Converts a node of a tree to C's form.
fn describe<F: Shown>(tree: &[Node<F>], index: u32) -> Option<AoeNode> {
    let node = tree.get(usize::try_from(index).ok()?)?;
    let access = match node.access {
        Access::Read => 0,
        Access::AtLoad => abi::NODE_TUNABLE,
        Access::Write => abi::NODE_WRITE,
        Access::Tunable => abi::NODE_WRITE | abi::NODE_TUNABLE,
    };
    let fetch = match node.field.fetch() {
        Fetch::Never => 0,
        Fetch::First => abi::NODE_FIRST,
        Fetch::Last => abi::NODE_LAST,
    };
    Some(AoeNode {
        name: node.name.as_ptr(),
        text: node.text.as_ptr(),
        refusal: node.field.refusal().as_ptr(),
        kind: match node.field.kind() {
            Kind::Int => abi::KIND_INT,
            Kind::Unsigned => abi::KIND_U64,
            Kind::Text => abi::KIND_TEXT,
            Kind::Link => abi::KIND_LINK,
            Kind::Devices => abi::KIND_DEVICES,
        },
        flags: access | fetch | if node.field.is_long() { abi::NODE_LONG } else { 0 },
    })
}

/// Returns the field of a node of the module.
fn of_module(tree: u32, index: u32) -> Option<&'static ModuleField> {
    let tree = match tree {
        abi::TREE_MODULE => ROOT,
        abi::TREE_FILTER => FILTER,
        abi::TREE_STATS => STATS,
        _ => return None,
    };
    tree.get(usize::try_from(index).ok()?).map(|node| &node.field)
}

/// Converts a value that is to be written. Returns `None` for a number that no
/// node can have, because it does not fit 32 bits.
///
/// # Safety
///
/// The text of `value` must be readable for its size.
unsafe fn value(value: &AoeValue) -> Option<Value<'_>> {
    let size = usize::try_from(value.size).ok()?;
    // SAFETY: As the caller promises.
    let text = unsafe { slice::from_raw_parts(value.text.cast::<u8>(), size) };
    Some(Value {
        number: i32::try_from(value.number.cast_signed()).ok()?,
        text: padded(text),
        is_loaders: value.loaders != 0,
    })
}

/// Returns the buffer for the text of a value.
///
/// # Safety
///
/// `text` must be writable for `size` bytes.
unsafe fn room<'t>(text: *mut c_char, size: u32) -> Text<'t> {
    let size = usize::try_from(size).unwrap_or(0);
    // SAFETY: As the caller promises.
    Text::new(unsafe { slice::from_raw_parts_mut(text.cast::<u8>(), size) })
}

/// Returns 0 and stores the work to do in `todo`, or returns an errno.
fn answer(result: Result<Effects, Refused>, todo: &mut u32) -> i32 {
    match result {
        Ok(effects) => {
            *todo = effects.bits();
            0
        }
        Err(Refused::Invalid) => EINVAL,
        Err(Refused::Absent) => ENXIO,
        Err(Refused::ReadOnly) => EPERM,
    }
}

/// Fills in a node of a tree. Returns 0, or `ENOENT` past the last one.
///
/// # Safety
///
/// `out` must be writable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_node(tree: u32, index: u32, out: *mut AoeNode) -> i32 {
    let node = match tree {
        abi::TREE_MODULE => describe(ROOT, index),
        abi::TREE_FILTER => describe(FILTER, index),
        abi::TREE_STATS => describe(STATS, index),
        abi::TREE_TARGET => describe(TARGET, index),
        abi::TREE_PATH => describe(PATH, index),
        _ => None,
    };
    let Some(node) = node else { return ENOENT };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(node) };
    0
}

/// Returns the settings of the module.
///
/// # Safety
///
/// `config` must be readable, and writable if the caller changes a setting.
/// Meanwhile, C may access it only by atomic loads.
unsafe fn config<'c>(config: *const AoeConfig) -> &'c Config {
    // SAFETY: The twins have the same layout, and every word is atomic.
    unsafe { &*config.cast::<Config>() }
}

/// Fills in the default settings of the module.
///
/// # Safety
///
/// `block` must be writable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_config_init(block: *mut AoeConfig) {
    // SAFETY: As the caller promises.
    module::set_defaults(unsafe { config(block) });
}

/// Fills in the default settings of a target.
///
/// # Safety
///
/// `own` must be writable, and nothing else may use it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_own_init(own: *mut AoeOwn) {
    // SAFETY: As the caller promises; the twins have the same layout.
    unsafe { own.cast::<Own>().write(Own::NONE) };
}

/// Fills in the effective settings of a target.
///
/// # Safety
///
/// `block` and `own` are initialised. The target's mutex is held, unless no
/// other thread can find the target yet. `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_compose(
    block: *const AoeConfig,
    own: *const AoeOwn,
    shutting_down: i32,
    out: *mut AoeSettings,
) {
    // SAFETY: Both as the caller promises; the twins have the same layout.
    let (config, own) = unsafe { (config(block), &*own.cast::<Own>()) };
    let settings = config.settings(own, shutting_down != 0);
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(convert::composed(&settings)) };
}

/// Reads the value of a node of the module.
///
/// # Safety
///
/// `block` is initialised; `disco` is NULL or an initialised discovery, its
/// mutex held; `out` and its text are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_module_read(
    block: *const AoeConfig,
    disco: *const DiscoBlock,
    tree: u32,
    index: u32,
    out: *mut AoeValue,
) {
    // SAFETY: All three as the caller promises.
    let (config, discovery, out) =
        unsafe { (config(block), (!disco.is_null()).then(|| discovery_ref(disco)), &mut *out) };
    // SAFETY: The caller promises that the text of `out` is writable.
    let mut text = unsafe { room(out.text, out.size) };
    if let Some(field) = of_module(tree, index) {
        let number = module::read(field, config, discovery, &mut text);
        out.number = i64::from(number).cast_unsigned();
    }
}

/// Sets a node of the module. Returns 0 and stores the work to do in `todo`, or
/// returns an errno.
///
/// # Safety
///
/// As for `aoe_core_module_read()`; `new` and its text are readable,
/// and `todo` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_module_write(
    block: *mut AoeConfig,
    disco: *mut DiscoBlock,
    now: u64,
    tree: u32,
    index: u32,
    new: *const AoeValue,
    todo: *mut u32,
) -> i32 {
    // SAFETY: All four as the caller promises.
    let (config, discovery, new, todo) =
        unsafe { (config(block), (!disco.is_null()).then(|| discovery(disco)), &*new, &mut *todo) };
    // SAFETY: The caller promises that the text of `new` is readable.
    let value = unsafe { value(new) };
    let (Some(field), Some(value)) = (of_module(tree, index), value) else { return EINVAL };
    answer(module::write(field, &value, config, discovery, Instant::from_micros(now)), todo)
}

/// Reads the value of a node of a target or of one of its paths. Returns 0, or
/// `ENOENT` past the last node or path.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `own` is initialised;
/// `out` and its text are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_target_read(
    block: *const Block,
    own: *const AoeOwn,
    tree: u32,
    path: u32,
    index: u32,
    out: *mut AoeValue,
) -> i32 {
    // SAFETY: All three as the caller promises; the twins have the same layout.
    let (target, own, out) = unsafe { (block::target_ref(block), &*own.cast::<Own>(), &mut *out) };
    let (Ok(path), Ok(index)) = (usize::try_from(path), usize::try_from(index)) else {
        return ENOENT;
    };
    // SAFETY: The caller promises that the text of `out` is writable.
    let mut text = unsafe { room(out.text, out.size) };
    let number = match tree {
        abi::TREE_TARGET => {
            TARGET.get(index).map(|node| target::read(&node.field, target, own, &mut text))
        }
        _ => {
            PATH.get(index).and_then(|node| target::read_path(&node.field, target, path, &mut text))
        }
    };
    let Some(number) = number else { return ENOENT };
    out.number = number;
    0
}

/// Sets a node of a target. Returns 0 and stores the work to do in `todo`, or
/// returns an errno.
///
/// # Safety
///
/// `own` is initialised. The target's mutex is held, unless no other thread can
/// find the target yet. `new` and its text are readable, and `todo` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_target_write(
    own: *mut AoeOwn,
    index: u32,
    new: *const AoeValue,
    todo: *mut u32,
) -> i32 {
    // SAFETY: All three as the caller promises; the twins have the same layout.
    let (own, new, todo) = unsafe { (&mut *own.cast::<Own>(), &*new, &mut *todo) };
    let node = usize::try_from(index).ok().and_then(|index| TARGET.get(index));
    // SAFETY: The caller promises that the text of `new` is readable.
    let value = unsafe { value(new) };
    let (Some(node), Some(value)) = (node, value) else { return EINVAL };
    answer(target::write(&node.field, &value, own), todo)
}

/// Writes a target's line in `net.aoe.devices`.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable for
/// `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_target_line(block: *const Block, out: *mut c_char, size: u32) {
    // SAFETY: All as the caller promises.
    let (target, address, mut text) =
        unsafe { (block::target_ref(block), block::address(block), room(out, size)) };
    target::write_line(target, address, &mut text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::from_ref;

    #[test]
    fn every_number_is_kept_where_c_reads_it_by_its_name() {
        let config = Config::default();
        let mut numbers = 0;
        for node in ROOT {
            let ModuleField::Number(number) = node.field else { continue };
            let place = from_ref(number.place(&config)).addr() - from_ref(&config).addr();
            let name = node.name.to_str().unwrap();
            let field = AoeConfig::FIELDS.iter().find(|(field, _, _)| *field == name);
            assert_eq!(field.map(|(_, at, _)| *at), Some(place), "{name}");
            numbers += 1;
        }
        // The other two fields are the policy, and whether a filter is set.
        assert_eq!(numbers, AoeConfig::FIELDS.len() - 2);
    }

    #[test]
    fn a_tree_ends_with_its_last_node() {
        for (tree, length) in [
            (abi::TREE_MODULE, ROOT.len()),
            (abi::TREE_FILTER, FILTER.len()),
            (abi::TREE_STATS, STATS.len()),
            (abi::TREE_TARGET, TARGET.len()),
            (abi::TREE_PATH, PATH.len()),
            (5, 0),
        ] {
            let mut node = core::mem::MaybeUninit::uninit();
            // SAFETY: The node is writable.
            let is_there = |n: &u32| unsafe { aoe_core_node(tree, *n, node.as_mut_ptr()) } == 0;
            assert_eq!((0..1000).take_while(is_there).count(), length, "tree {tree}");
        }
    }
}
