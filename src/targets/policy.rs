// SPDX-License-Identifier: BSD-2-Clause
//! Which of several paths a frame takes.

use super::{Policy, Target};
use crate::path::Path;
use crate::slot::PathId;
use crate::time::{Instant, Micros};

/// A path whose round trip was last measured this long ago gets one frame to
/// measure it anew: otherwise a path that was slow once would stay unused after it
/// became fast again.
const STALE: Micros = Micros::from_secs(1);
/// Added cost of a retransmission over the path of the last transmission.
const AGAIN: u64 = 1 << 40;
/// Of two interfaces to one port of the target, the last one stays in use unless the
/// other is expected to be faster by more than this factor: runs of frames cost both
/// ends less than alternating frames.
const STAY: u64 = 2;

impl Target<'_> {
    /// Returns the best path with room in its window, if there is one.
    pub(super) fn pick_among(&mut self, last: Option<PathId>, now: Instant) -> Option<PathId> {
        let settled = self.known_paths().iter().any(|p| p.is_up() && !p.is_shaken());
        let turn = self.turn;
        let candidates = self.path_ids().map(|id| (id, &self.paths[id]));
        let mut candidates = candidates.filter(|(_, p)| p.is_up() && !(settled && p.is_shaken()));
        if self.settings.policy == Policy::Failover {
            // The other paths replace it when it is down, not when it is busy.
            let (index, path) = candidates.next()?;
            return self.has_room(path).then_some(index);
        }
        let mut best: Option<(u64, PathId)> = None;
        for (index, path) in candidates.filter(|(_, p)| self.has_room(p)) {
            let cost = match self.settings.policy {
                Policy::Failover | Policy::Latency => {
                    let cost = expected_completion(path, now);
                    if path.is_shared && index == turn { cost / STAY } else { cost }
                }
                Policy::RoundRobin => u64::from(index <= turn),
            };
            let again = last == Some(index);
            let cost = cost.saturating_add(if again { AGAIN } else { 0 });
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, index));
            }
        }
        let (_, index) = best?;
        self.turn = index;
        Some(index)
    }
}

/// Returns the expected response time of a frame sent now, as a relative cost. 0 if
/// the path's round trip is to be measured anew.
fn expected_completion(path: &Path, now: Instant) -> u64 {
    if path.flight.is_empty() && path.last_heard.after(STALE) <= now {
        return 0;
    }
    let queued = u64::from(path.flight.len()).saturating_add(1);
    path.rtt.mean().0.max(1).saturating_mul(queued)
}
