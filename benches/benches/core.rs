// SPDX-License-Identifier: BSD-2-Clause
//! Benchmarks of the protocol core, without a network or a kernel.

use aoe_bench::Bed;
use aoe_core::io::Op;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Sectors of a 128 KiB I/O, which is cut into as many frames as the MTU
/// requires.
const LONG: u32 = 256;

fn rounds(c: &mut Criterion) {
    let mut group = c.benchmark_group("4 KiB from submit to completion");
    for mtu in [1500, 9000] {
        for (name, op) in [("read", Op::Read), ("write", Op::Write)] {
            let mut bed = Bed::new(mtu, 1, 1);
            group.bench_function(BenchmarkId::new(name, mtu), |b| b.iter(|| bed.round(op, 8)));
        }
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("per frame of a 128 KiB read");
    for mtu in [1500, 9000] {
        let per = u64::from(LONG.div_ceil((mtu - 36) / 512));
        group.throughput(Throughput::Elements(per));
        let mut bed = Bed::new(mtu, 1, 1);
        group.bench_function(BenchmarkId::new("encode and answer", mtu), |b| {
            b.iter(|| bed.round(Op::Read, LONG));
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode one", |b| {
        b.iter_batched_ref(
            || Bed::new(9000, 1, 1),
            |bed| bed.submit(Op::Read, 8),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("handle one answer", |b| {
        b.iter_batched_ref(
            || {
                let mut bed = Bed::new(9000, 1, 1);
                bed.submit(Op::Read, 8);
                bed
            },
            |bed| {
                bed.answer_all();
                bed.drain();
            },
            BatchSize::LargeInput,
        );
    });
}

fn scale(c: &mut Criterion) {
    let mut group = c.benchmark_group("4 KiB read, one of many targets in turn");
    for targets in [1_u16, 64, 1024, 4096] {
        let mut beds: Vec<Bed> =
            (0..targets).map(|n| Bed::new(9000, u8::try_from(n % 200).unwrap(), n / 200)).collect();
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(targets), |b| {
            b.iter(|| {
                turn = (turn + 1) % beds.len();
                beds[turn].round(Op::Read, 8);
            });
        });
    }
}

criterion_group!(core, rounds, frames, scale);
criterion_main!(core);
