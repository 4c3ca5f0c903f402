// SPDX-License-Identifier: BSD-2-Clause
//! Compares the twins with the header, as a C compiler sees it.

#![expect(clippy::expect_used, clippy::panic, reason = "an unexpected result ends a test")]

use std::path::Path as FilePath;
use std::process::Command;

use super::*;

/// The values of these expressions in C.
fn in_c(name: &str, expressions: &[String]) -> Vec<u64> {
    let top = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let directory = std::env::temp_dir().join(format!("aoectl.{}.{name}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let (source, binary) = (directory.join("print.c"), directory.join("print"));
    let prints: String = expressions
        .iter()
        .map(|expression| format!("\tprintf(\"%llu\\n\", (unsigned long long)({expression}));\n"))
        .collect();
    let program = format!(
        "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include \"aoe_ioctl.h\"\n\
         int main(void) {{\n{prints}\treturn 0;\n}}\n"
    );
    std::fs::write(&source, program).expect("a file");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler)
        .arg("-I")
        .arg(top.join("kmod-shim"))
        .arg("-I")
        .arg(top.join("tests/kld/include"))
        .arg("-o")
        .args([&binary, &source])
        .status()
        .unwrap_or_else(|error| panic!("the C compiler {compiler} does not run: {error}"));
    assert!(status.success(), "the header does not compile");
    let output = Command::new(&binary).output().expect("a program");
    std::fs::remove_dir_all(&directory).expect("the directory");
    let text = String::from_utf8(output.stdout).expect("numbers");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}

/// Asserts that C expressions have the values given here.
fn agree(name: &str, pairs: &[(String, u64)]) {
    let expressions: Vec<String> = pairs.iter().map(|(expression, _)| expression.clone()).collect();
    let found = in_c(name, &expressions);
    assert_eq!(found.len(), pairs.len());
    for ((expression, ours), theirs) in pairs.iter().zip(found) {
        assert_eq!(*ours, theirs, "{expression}");
    }
}

#[test]
fn every_field_is_where_the_header_has_it() {
    let mut pairs = Vec::new();
    let mut add = |name: &str, size: usize, fields: &[(&str, usize)]| {
        pairs.push((format!("sizeof(struct aoe_ioc_{name})"), size as u64));
        for (field, offset) in fields {
            pairs.push((format!("offsetof(struct aoe_ioc_{name}, {field})"), *offset as u64));
        }
    };
    add("version", size_of::<Version>(), Version::FIELDS);
    add("address", size_of::<Address>(), Address::FIELDS);
    add("absent", size_of::<Absent>(), Absent::FIELDS);
    add("accept", size_of::<Accept>(), Accept::FIELDS);
    agree("fields", &pairs);
}

#[test]
fn every_number_is_the_headers() {
    let pairs = [
        ("AOEIOC_VERSION", VERSION.number()),
        ("AOEIOC_TARGET", TARGET.number()),
        ("AOEIOC_CONTROL", CONTROL.number()),
        ("AOEIOC_DISCOVER", DISCOVER.number()),
        ("AOEIOC_REVALIDATE", REVALIDATE.number()),
        ("AOEIOC_FORGET", FORGET.number()),
        ("AOEIOC_LOG", LOG_AFTER.number()),
        ("AOEIOC_ABSENT", ABSENT.number()),
        ("AOEIOC_ACCEPT", ACCEPT.number()),
        ("AOE_CTL_VERSION", CTL_VERSION),
        ("AOE_EV_LEFT_OUT", EV_LEFT_OUT),
        ("AOE_STATE_UP", STATE_UP),
        ("AOE_STATE_SUSPENDED", STATE_SUSPENDED),
        ("AOE_STATE_FAILED", STATE_FAILED),
        ("AOE_PATH_UP", PATH_UP.into()),
        ("AOE_PATH_DOWN", PATH_DOWN.into()),
        ("AOE_PATH_CONFLICT", PATH_CONFLICT.into()),
        ("AOE_PATH_UNUSABLE", PATH_UNUSABLE.into()),
    ];
    agree("numbers", &pairs.map(|(name, ours)| (name.to_owned(), ours.into())));
}

#[test]
fn states_have_the_names_that_sysctls_show() {
    let named = [
        "discovered",
        "identifying",
        "up",
        "suspended",
        "failed",
        "gone",
        "identifying",
        "up",
        "down",
        "conflict",
        "unusable",
    ];
    let ours: Vec<&str> = (0..6).map(state_name).chain((0..5).map(path_state_name)).collect();
    assert_eq!(named[..], ours);
    assert_eq!((state_name(6), path_state_name(5)), ("unknown", "unknown"));
}
