use super::*;

fn at(us: u64) -> Instant {
    Instant::from_micros(us)
}

fn path() -> Path {
    let mut p = Path::FREE;
    p.open(LinkId(0), Mac([2; 6]), at(1));
    p
}

#[test]
fn a_later_answer_fences_earlier_copies() {
    let mut p = path();
    let copy = p.on_transmit(at(2));
    let fence = p.on_transmit(at(3));
    assert!(!p.has_fenced(p.epoch, copy, at(4)));
    p.on_answered(fence, true, at(4));
    assert!(p.has_fenced(p.epoch, copy, at(4)));
    assert!(!p.has_fenced(p.epoch, fence, at(4)));
}

#[test]
fn a_path_that_reordered_fences_nothing() {
    let mut p = path();
    let first = p.on_transmit(at(2));
    let second = p.on_transmit(at(3));
    let third = p.on_transmit(at(3));
    p.on_answered(third, true, at(4));
    p.on_answered(second, true, at(5));
    assert!(!p.has_fenced(p.epoch, first, at(6)));
    assert!(p.has_fenced(p.epoch, first, at(6).after(DISTRUST)));
}

#[test]
fn a_new_use_of_the_slot_fences_nothing_of_the_old() {
    let mut p = path();
    let (epoch, copy) = (p.epoch, p.on_transmit(at(2)));
    p.open(LinkId(1), Mac([4; 6]), at(3));
    let later = p.on_transmit(at(4));
    p.on_answered(later, true, at(5));
    assert!(!p.has_fenced(epoch, copy, at(6)));
}

#[test]
fn three_later_answers_declare_a_request_lost() {
    let mut p = path();
    for n in 0..4 {
        p.on_transmit(at(n));
    }
    p.on_answered(3, true, at(10));
    assert!(!p.is_overtaken(1));
    p.on_answered(4, true, at(11));
    assert!(p.is_overtaken(1));
}

#[test]
fn the_full_count_is_found_from_its_low_half() {
    let mut p = path();
    p.seq = 0x1_0000_0005;
    assert_eq!(p.full_seq(3), 0x1_0000_0003);
    assert_eq!(p.full_seq(0xffff_fffe), 0xffff_fffe);
}

#[test]
fn payload_is_searched_by_halves_once_a_size_failed() {
    let mut p = path();
    p.sector_count = 17;
    p.set_limit(9000, at(1));
    assert_eq!(p.probe_size(), Some(17));
    p.too_large = 17;
    assert_eq!(p.probe_size(), Some(9));
    p.payload = 9;
    assert_eq!(p.probe_size(), Some(13));
    p.too_large = 10;
    assert_eq!(p.probe_size(), None);
}

#[test]
fn a_smaller_mtu_shrinks_the_payload_at_once() {
    let mut p = path();
    p.sector_count = 17;
    p.set_limit(9000, at(1));
    p.payload = 17;
    assert!(p.set_limit(1500, at(2)));
    assert_eq!(p.payload, 2);
}
