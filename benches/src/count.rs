//! Fixed scenarios whose instructions callgrind counts: `count NAME`.
//!
//! Each scenario runs 10,000 rounds behind a function of its own name, so that
//! `--toggle-collect` counts just those.

use aoe_bench::Bed;
use aoe_core::io::Op;

const ROUNDS: u32 = 10_000;

#[unsafe(no_mangle)]
#[inline(never)]
fn aoe_counted(bed: &mut Bed, op: Op, sectors: u32) {
    for _ in 0..ROUNDS {
        bed.round(op, sectors);
    }
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let (mtu, op, sectors) = match name.as_str() {
        "read4k-1500" => (1500, Op::Read, 8),
        "read4k-9000" => (9000, Op::Read, 8),
        "write4k-1500" => (1500, Op::Write, 8),
        "write4k-9000" => (9000, Op::Write, 8),
        "read128k-9000" => (9000, Op::Read, 256),
        _ => {
            eprintln!(
                "usage: count read4k-1500|read4k-9000|write4k-1500|write4k-9000|read128k-9000"
            );
            std::process::exit(2);
        }
    };
    let mut bed = Bed::new(mtu, 1, 1);
    aoe_counted(&mut bed, op, sectors);
}
