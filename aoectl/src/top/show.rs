// SPDX-License-Identifier: BSD-2-Clause
//! Prints the rows of top, as lines of 80 columns or as JSON and XML.

use std::io::Write;

use super::rates::{DiskRow, Load, PathRow};
use crate::xo::{Value, Xo};

pub fn heading() -> String {
    format!(
        "{:<12} {:<11} {:>7} {:>7} {:>7} {:>8} {:>6} {:>6} {:>8}",
        "NAME", "STATE", "IOPS", "MB/s", "P50(us)", "P99(us)", "RETX/s", "WINDOW", "INFLIGHT"
    )
}

/// Formats a line, which has the same columns for disks and paths.
fn line(name: &str, state: &str, load: &Load) -> String {
    let time = |us: Option<f64>| us.map_or("-".to_owned(), |us| format!("{us:.0}"));
    format!(
        "{name:<12.12} {state:<11} {:>7.0} {:>7} {:>7} {:>8} {:>6.1} {:>6} {:>8}",
        load.operations,
        load.bytes.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes / 1e6)),
        time(load.median),
        time(load.slowest),
        load.retransmitted,
        load.window,
        load.in_flight
    )
}

fn disk_line(row: &DiskRow) -> String {
    line(&row.name, row.state, &row.load)
}

fn path_line(row: &PathRow) -> String {
    line(&format!("  {} {}", row.index, row.interface), row.state, &row.load)
}

/// Returns the lines of a table; those of paths only with `paths`.
pub fn lines(rows: &[DiskRow], paths: bool) -> Vec<String> {
    let mut all = vec![heading()];
    for row in rows {
        all.push(disk_line(row));
        if paths {
            all.extend(row.paths.iter().map(path_line));
        }
    }
    all
}

fn decimal(value: f64) -> Value<'static> {
    Value::Decimal(format!("{value:.1}"))
}

fn say_load<W: Write>(out: &mut Xo<W>, operations: &str, load: &Load) {
    out.hidden(operations, decimal(load.operations));
    if let Some(bytes) = load.bytes {
        out.hidden("bytes-per-second", Value::Decimal(format!("{bytes:.0}")));
    }
    for (name, time) in [("latency-p50", load.median), ("latency-p99", load.slowest)] {
        if let Some(us) = time {
            out.hidden(name, decimal(us));
        }
    }
    out.hidden("retransmitted-per-second", decimal(load.retransmitted));
    out.hidden("window", load.window).hidden("in-flight", load.in_flight);
}

/// Prints one reading of a batch. JSON and XML always contain the paths.
pub fn say<W: Write>(out: &mut Xo<W>, rows: &[DiskRow], seconds: f64, paths: bool) {
    for line in lines(rows, paths) {
        out.words(line).words('\n');
    }
    out.open_instance("reading");
    out.hidden("seconds", Value::Decimal(format!("{seconds:.3}")));
    out.open_list("target");
    for row in rows {
        out.open_instance("target");
        out.hidden("name", &*row.name).hidden("state", row.state);
        say_load(out, "operations-per-second", &row.load);
        out.open_list("path");
        for path in &row.paths {
            out.open_instance("path");
            out.hidden("index", path.index).hidden("interface", &*path.interface);
            out.hidden("mac", &*format!("{:?}", path.mac)).hidden("state", path.state);
            say_load(out, "answers-per-second", &path.load);
            out.close_instance("path");
        }
        out.close_list("path");
        out.close_instance("target");
    }
    out.close_list("target");
    out.close_instance("reading");
    out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use aoe_core::wire::Mac;

    #[test]
    fn lines_have_80_columns_whatever_the_load() {
        let most = Load {
            operations: 9_999_999.0,
            bytes: Some(99_999.9e6),
            median: Some(4_194_304.0),
            slowest: Some(4_194_304.0),
            retransmitted: 9999.9,
            window: 2048,
            in_flight: 2048,
        };
        let path = PathRow {
            index: 15,
            interface: "an-interface-15".to_owned(),
            mac: Mac([0; 6]),
            state: "identifying",
            load: most.clone(),
        };
        let disk = DiskRow {
            name: "aoe65535e255".to_owned(),
            state: "identifying",
            load: most,
            paths: vec![path],
        };
        let all = lines(&[disk], true);
        assert_eq!(all.len(), 3);
        for line in all {
            assert_eq!(line.len(), 80, "{line}");
        }
    }
}
