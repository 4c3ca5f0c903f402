// SPDX-License-Identifier: BSD-2-Clause
//! Compares the two sides of the boundary: `kmod-shim/aoe_abi.h`, as a C
//! compiler reads it, and `src/ffi`.
//!
//! The twins assert their own layout, and the header some of its own; here
//! every field, constant and function of one side must be on the other.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test panics at anything unexpected"
)]

mod header;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aoe_core::ffi::abi;

/// A struct by its name in C: size, then name, offset and size of each field.
type Layout = (usize, Vec<(String, usize, usize)>);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Compiles and runs `program`, which includes the header; returns its lines.
fn run_c(name: &str, body: &str) -> Vec<Vec<String>> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (directory.join(format!("{name}.c")), directory.join(name));
    let program = format!(
        "#include <stdint.h>\n#include <stdio.h>\n#include \"aoe_abi.h\"\n\
         int main(void) {{\n{body}\treturn 0;\n}}\n"
    );
    std::fs::write(&source, program).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler)
        .args(["-std=gnu17", "-Wall", "-Werror", "-I"])
        .arg(root().join("kmod-shim"))
        .arg("-o")
        .args([&binary, &source])
        .status()
        .unwrap_or_else(|e| panic!("the C compiler {compiler} does not run: {e}"));
    assert!(status.success(), "the header does not compile");
    let output = Command::new(&binary).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|l| l.split(' ').map(String::from).collect()).collect()
}

/// Returns the layout of every struct in the header, from a C compiler.
fn layouts_in_c() -> BTreeMap<String, Layout> {
    let mut body = String::new();
    for (name, fields) in header::structs(&read("kmod-shim/aoe_abi.h")) {
        body += &format!("\tprintf(\"{name} . 0 %zu\\n\", sizeof(struct {name}));\n");
        for field in fields {
            body += &format!(
                "\tprintf(\"{name} {field} %zu %zu\\n\", __builtin_offsetof(struct {name}, {field}), \
                 sizeof(((struct {name} *)0)->{field}));\n"
            );
        }
    }
    let mut layouts = BTreeMap::<String, Layout>::new();
    for line in run_c("layouts", &body) {
        let (offset, size) = (line[2].parse().unwrap(), line[3].parse().unwrap());
        let layout = layouts.entry(line[0].clone()).or_default();
        match line[1].as_str() {
            "." => layout.0 = size,
            field => layout.1.push((field.into(), offset, size)),
        }
    }
    layouts
}

fn layouts_in_rust() -> BTreeMap<String, Layout> {
    macro_rules! layouts {
        ($($name:literal: $twin:ident,)*) => {
            BTreeMap::from([$(($name.to_string(), (
                abi::$twin::SIZE,
                abi::$twin::FIELDS.iter().map(|&(f, at, n)| (f.to_string(), at, n)).collect(),
            )),)*])
        };
    }
    layouts! {
        "aoe_params": AoeParams,
        "aoe_settings": AoeSettings,
        "aoe_link_state": AoeLinkState,
        "aoe_io": AoeIo,
        "aoe_frame": AoeFrame,
        "aoe_dump": AoeDump,
        "aoe_dump_step": AoeDumpStep,
        "aoe_absent": AoeAbsent,
        "aoe_abft": AoeAbft,
        "aoe_config": AoeConfig,
        "aoe_own": AoeOwn,
        "aoe_node": AoeNode,
        "aoe_value": AoeValue,
        "aoe_identity": AoeIdentity,
        "aoe_copy": AoeCopy,
        "aoe_peek": AoePeek,
        "aoe_output": AoeOutput,
        "aoe_target_info": AoeTargetInfo,
        "aoe_path_info": AoePathInfo,
        "aoe_log": AoeLog,
        "aoe_leave": AoeLeave,
        "aoe_limits": AoeLimits,
        "aoe_disk_job": AoeDiskJob,
        "aoe_note": AoeNote,
        "aoe_ioc_path": AoeIocPath,
        "aoe_ioc_target": AoeIocTarget,
        "aoe_ioc_control": AoeIocControl,
        "aoe_ioc_event": AoeIocEvent,
        "aoe_ioc_log": AoeIocLog,
    }
}

#[test]
fn every_struct_has_the_same_layout_on_both_sides() {
    let (c, rust) = (layouts_in_c(), layouts_in_rust());
    assert_eq!(
        c.keys().collect::<Vec<_>>(),
        rust.keys().collect::<Vec<_>>(),
        "a struct is missing on one side"
    );
    for (name, layout) in &c {
        assert!(!layout.1.is_empty(), "no field of {name} was found in the header");
        assert_eq!(layout, &rust[name], "C on the left, Rust on the right: struct {name}");
    }
}

#[test]
fn every_size_and_offset_is_asserted_in_c_as_well() {
    let asserts = read("kmod-shim/aoe_abi_layout.h");
    for (name, (size, fields)) in layouts_in_rust() {
        let size = format!("AOE_SIZE({name}, {size});");
        let fields = fields.iter().map(|(field, at, _)| format!("AOE_AT({name}, {field}, {at});"));
        for wanted in std::iter::once(size).chain(fields) {
            assert!(asserts.contains(&wanted), "aoe_abi_layout.h lacks {wanted}");
        }
    }
}

#[test]
fn every_constant_in_rust_has_the_same_value_in_the_header() {
    let source = read("src/ffi/abi.rs");
    let ours = header::rust_constants(&source);
    assert!(ours.len() > 30, "only {} constants were found in abi.rs", ours.len());
    let mut body = String::new();
    for name in ours.keys() {
        body += &format!("\tprintf(\"{name} %lld\\n\", (long long)AOE_{name});\n");
    }
    for line in run_c("constants", &body) {
        let value: i128 = line[1].parse().unwrap();
        assert_eq!(value, ours[&line[0]], "C on the left, Rust on the right: AOE_{}", line[0]);
    }
}

/// Constants that the header needs for itself, or that Rust states elsewhere.
const ONLY_IN_C: [&str; 5] = ["NEVER", "LINKS", "SEED_LEN", "PREFIX_MAX", "RX_HEADER"];

#[test]
fn every_group_of_constants_in_the_header_is_known_to_rust() {
    let ours = header::rust_constants(&read("src/ffi/abi.rs"));
    for name in header::constants(&read("kmod-shim/aoe_abi.h")) {
        let elsewhere = ONLY_IN_C.contains(&name.as_str())
            || ["EV_", "STATE_", "PATH_"].iter().any(|g| name.starts_with(g));
        assert!(
            elsewhere || ours.contains_key(&name),
            "AOE_{name} is in the header and {name} is not in abi.rs"
        );
    }
}

#[test]
fn every_function_is_declared_in_c_and_defined_in_rust() {
    let c = header::functions(&read("kmod-shim/aoe_abi.h"));
    let mut rust = BTreeMap::new();
    for file in std::fs::read_dir(root().join("src/ffi")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        rust.extend(header::rust_functions(&source));
    }
    assert!(c.len() > 20, "only {} functions were found in the header", c.len());
    assert_eq!(c, rust, "C on the left, Rust on the right: names and numbers of parameters");
}

#[test]
fn every_event_has_the_same_number_and_name_on_both_sides() {
    #[expect(unsafe_code, reason = "the boundary is what is tested")]
    unsafe extern "C" {
        safe fn aoe_core_event_name(event: u32) -> *const std::ffi::c_char;
    }
    let names: Vec<_> = header::constants(&read("kmod-shim/aoe_abi.h"))
        .into_iter()
        .filter(|name| name.starts_with("EV_") && name != "EV_NONE")
        .collect();
    let body: String =
        names.iter().map(|name| format!("\tprintf(\"{name} %d\\n\", AOE_{name});\n")).collect();
    for line in run_c("events", &body) {
        #[expect(unsafe_code, reason = "the boundary is what is tested")]
        // SAFETY: For any number, the function returns a C string that lives for ever.
        let name =
            unsafe { std::ffi::CStr::from_ptr(aoe_core_event_name(line[1].parse().unwrap())) };
        assert_eq!(format!("EV_{}", name.to_str().unwrap()), line[0], "event {}", line[1]);
    }
    assert!(names.len() > 10, "only {} events were found in the header", names.len());
}
