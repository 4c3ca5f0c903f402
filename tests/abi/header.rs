// SPDX-License-Identifier: BSD-2-Clause
//! Reads the two sources just well enough to list what they declare.

use std::collections::BTreeMap;

/// The text without comments, of C and of Rust alike.
fn without_comments(source: &str) -> String {
    let mut rest = source;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        text += before;
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    text += rest;
    text.lines()
        .map(|l| l.split_once("//").map_or(l, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every struct with a body, and its fields in order.
pub fn structs(source: &str) -> Vec<(String, Vec<String>)> {
    let text = without_comments(source);
    let mut found = Vec::new();
    for part in text.split("\nstruct ").skip(1) {
        let Some((name, body)) = part.split_once(" {\n") else { continue };
        if name.contains(|c: char| c != '_' && !c.is_ascii_lowercase()) {
            continue;
        }
        let fields = body.split("};").next().unwrap_or("").split(';');
        found.push((name.to_string(), fields.filter_map(field_name).collect()));
    }
    found
}

/// `uint8_t mac[6]` declares `mac`.
fn field_name(declaration: &str) -> Option<String> {
    let name = declaration.trim().split('[').next()?.split_whitespace().last()?;
    Some(name.trim_start_matches('*').to_string())
}

/// Constants of the header, without their `AOE_`; macros with arguments are none.
pub fn constants(source: &str) -> Vec<String> {
    without_comments(source)
        .lines()
        .filter_map(|l| l.strip_prefix("#define")?.split_whitespace().next().map(String::from))
        .filter_map(|name| name.strip_prefix("AOE_").map(String::from))
        .filter(|name| !name.contains('('))
        .collect()
}

/// Integer constants of `abi.rs`.
pub fn rust_constants(source: &str) -> BTreeMap<String, i128> {
    let text = without_comments(source);
    let declarations = text.lines().filter_map(|l| l.strip_prefix("pub const "));
    declarations
        .map(|declaration| {
            let (name, value) = declaration.split_once(':').unwrap();
            let value = value.split_once("= ").unwrap().1.trim_end_matches(';').replace('_', "");
            let number = match value.strip_prefix("0x") {
                Some(digits) => i128::from_str_radix(digits, 16),
                None => value.parse(),
            };
            (name.to_string(), number.unwrap_or_else(|_| panic!("{name} = {value} is no number")))
        })
        .collect()
}

/// Prototypes of the header: name and number of parameters.
pub fn functions(source: &str) -> BTreeMap<String, usize> {
    let text = without_comments(source);
    let prototypes = text.split(';').filter_map(|s| {
        let at = s.find("aoe_core_").filter(|_| !s.contains("#define"))?;
        parameters(&s[at..])
    });
    prototypes.collect()
}

/// Functions that Rust exports: name and number of parameters.
pub fn rust_functions(source: &str) -> BTreeMap<String, usize> {
    let text = without_comments(source);
    let exports = text.split("extern \"C\" fn ").skip(1).filter(|s| s.starts_with("aoe_core_"));
    exports.filter_map(parameters).collect()
}

/// `name(a, b)` is `("name", 2)`, and `name(void)` or `name()` has none.
fn parameters(text: &str) -> Option<(String, usize)> {
    let (name, rest) = text.split_once('(')?;
    let list = rest.split(')').next()?.trim().trim_end_matches(',');
    let count = if list.is_empty() || list == "void" { 0 } else { list.split(',').count() };
    Some((name.to_string(), count))
}
