// SPDX-License-Identifier: BSD-2-Clause
use super::*;

/// The round-trip time of a path whose answers take 300 us.
fn rtt() -> Rtt {
    let mut rtt = Rtt::NEW;
    (0..100).for_each(|_| _ = rtt.sample(Micros(300)));
    rtt
}

fn at(us: u64) -> Instant {
    Instant::from_micros(us)
}

/// Records an answer that follows another one without silence.
fn answer(order: &mut Order, seq: u64, age: Option<Micros>, now: Instant) {
    order.on_answered(seq, age, Micros(0), &rtt(), now);
}

/// The state after ten answers in order, one per millisecond.
fn order() -> Order {
    let mut order = Order::since(0);
    for n in 1..=10 {
        answer(&mut order, n, Some(Micros(300)), at(n * 1_000));
    }
    order
}

#[test]
fn where_order_is_kept_a_later_answer_ends_what_came_before() {
    let order = order();
    assert_eq!(order.over_at(9), Instant::ZERO);
    assert_eq!(order.over_at(10), Instant::NEVER);
    assert_eq!(order.worst(), Micros(0));
}

#[test]
fn three_later_answers_declare_a_request_lost() {
    let order = order();
    assert!(order.is_lost(7));
    assert!(!order.is_lost(8));
}

#[test]
fn the_delay_behind_the_first_later_answer_is_measured() {
    let mut order = order();
    answer(&mut order, 13, Some(Micros(300)), at(20_000));
    answer(&mut order, 14, Some(Micros(300)), at(24_000));
    // The age is longer than the time since 10 was answered, so it sets no limit.
    answer(&mut order, 12, Some(Micros(100_000)), at(27_000));
    let worst = order.worst().0;
    assert!((7_000..=17_000).contains(&worst), "{worst}");
}

#[test]
fn a_request_cannot_be_later_than_it_is_old() {
    let mut order = order();
    answer(&mut order, 13, Some(Micros(300)), at(60_000));
    answer(&mut order, 12, Some(Micros(700)), at(60_500));
    assert_eq!(order.worst(), Micros(700));
}

#[test]
fn a_copy_is_over_four_times_the_worst_delay_after_it_was_overtaken() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(50_000)), at(40_000));
    assert_eq!(order.worst(), Micros(30_000));
    for n in 0..100 {
        answer(&mut order, 20 + n, None, at(100_000 + 1_000 * n));
    }
    let over = order.may_be_over_at(15);
    assert!(at(100_000 + 120_000) <= over && over <= at(100_000 + 130_000), "{over:?}");
    let over = order.may_be_over_at(60);
    assert!(at(141_000 + 120_000) <= over && over <= at(141_000 + 130_000), "{over:?}");
}

#[test]
fn one_small_delay_does_not_shorten_the_wait_below_a_floor() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(10)), at(20_010));
    answer(&mut order, 20, None, at(20_020));
    assert_eq!(order.may_be_over_at(15), at(40_020));
    // Two time-outs, of 200 ms each before the round trip is known, are longer.
    order.on_answered(30, None, Micros(0), &Rtt::NEW, at(30_000));
    assert_eq!(order.may_be_over_at(25), at(430_000));
}

#[test]
fn a_network_that_changes_the_order_is_trusted_less() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(20_000)), at(40_000));
    answer(&mut order, 20, None, at(41_000));
    let target = order.may_be_over_at(15);
    order.on_network(at(41_000));
    answer(&mut order, 19, Some(Micros(100)), at(41_100));
    let network = order.may_be_over_at(15);
    assert!(target.after(Micros(200_000)) <= network, "{target:?} {network:?}");
}

#[test]
fn the_worst_delay_counts_for_ten_minutes_and_so_does_the_distrust() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(50_000)), at(40_000));
    let (early, late) = (at(590_000_000), at(1_300_000_000));
    answer(&mut order, 20, None, early);
    answer(&mut order, 19, Some(Micros(100)), early);
    assert_eq!(order.worst(), Micros(30_000));
    answer(&mut order, 30, None, late);
    assert!(order.over_at(25) <= late);
    answer(&mut order, 29, Some(Micros(100)), late);
    assert!(order.worst() <= Micros(100));
}

#[test]
fn a_copy_that_was_overtaken_long_ago_is_not_taken_for_younger_than_it_is() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(10)), at(20_010));
    for n in 0..10_000 {
        answer(&mut order, 20 + n, None, at(30_000 + 100 * n));
    }
    // 15 was overtaken a second ago, long before the oldest mark.
    let now = at(1_030_000);
    assert!(order.over_at(15) <= now);
    assert!(order.over_at(10_010) > now);
}

#[test]
fn a_copy_is_not_over_before_an_answer_shows_that_the_target_was_at_work() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(10)), at(20_010));
    answer(&mut order, 20, None, at(20_020));
    let over = order.may_be_over_at(15);
    assert!(order.over_at(15) > over);
    answer(&mut order, 21, None, over);
    assert_eq!(order.over_at(15), over);
}

#[test]
fn of_a_silence_that_all_share_little_counts() {
    let mut order = order();
    answer(&mut order, 12, None, at(20_000));
    answer(&mut order, 11, Some(Micros(10)), at(20_010));
    answer(&mut order, 20, None, at(20_020));
    // The target was stalled for a second.
    order.on_answered(21, None, Micros(1_000_000), &rtt(), at(1_020_020));
    let over = order.may_be_over_at(15);
    assert!(at(1_020_020 + 15_000) < over && over < at(1_020_020 + 20_000), "{over:?}");
    // Nor is the stall counted as the delay of an answer that follows.
    order.on_answered(19, Some(Micros(2_000_000)), Micros(0), &rtt(), at(1_020_520));
    assert!(order.worst() < Micros(20_000));
}
