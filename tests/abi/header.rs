// SPDX-License-Identifier: BSD-2-Clause
//! Parses the two sources just well enough to list their declarations.

use std::collections::BTreeMap;

/// Returns a C or Rust source without its comments.
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

/// Returns the name of every struct with a body, and its fields in order.
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

/// Returns the name that a declaration declares: `mac` for `uint8_t mac[6]`.
fn field_name(declaration: &str) -> Option<String> {
    let name = declaration.trim().split('[').next()?.split_whitespace().last()?;
    Some(name.trim_start_matches('*').to_string())
}

/// Returns the names of the header's constants, without `AOE_`, and no macros with arguments.
pub fn constants(source: &str) -> Vec<String> {
    without_comments(source)
        .lines()
        .filter_map(|l| l.strip_prefix("#define")?.split_whitespace().next().map(String::from))
        .filter_map(|name| name.strip_prefix("AOE_").map(String::from))
        .filter(|name| !name.contains('('))
        .collect()
}

/// Returns the integer constants of `abi.rs`.
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

/// Returns the header's prototypes: name and number of parameters.
pub fn functions(source: &str) -> BTreeMap<String, usize> {
    let text = without_comments(source);
    let prototypes = text.split(';').filter_map(|s| {
        let at = s.find("aoe_core_").filter(|_| !s.contains("#define"))?;
        parameters(&s[at..])
    });
    prototypes.collect()
}

/// Returns the functions that Rust exports: name and number of parameters.
pub fn rust_functions(source: &str) -> BTreeMap<String, usize> {
    let text = without_comments(source);
    let exports = text.split("extern \"C\" fn ").skip(1).filter(|s| s.starts_with("aoe_core_"));
    exports.filter_map(parameters).collect()
}

/// Parses `name(a, b)` to `("name", 2)`; `name(void)` and `name()` have no parameters.
fn parameters(text: &str) -> Option<(String, usize)> {
    let (name, rest) = text.split_once('(')?;
    let list = rest.split(')').next()?.trim().trim_end_matches(',');
    let count = if list.is_empty() || list == "void" { 0 } else { list.split(',').count() };
    Some((name.to_string(), count))
}
