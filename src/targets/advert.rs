// SPDX-License-Identifier: BSD-2-Clause
//! A target that announces itself, or answers a beacon, may have another disk
//! than before: it is sent IDENTIFY.

use super::Target;
use crate::output::Event;
use crate::path::State;
use crate::slot::PathId;
use crate::time::Instant;

impl Target<'_> {
    /// An advert came on a path that is up, or is being identified already. It
    /// stops I/O until a later IDENTIFY is answered: a round trip, in which the
    /// outstanding frames are answered as well. So a flood of adverts leaves one
    /// window of frames per IDENTIFY, and no frame to another disk.
    pub(super) fn on_advert(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        match path.state {
            State::Up => {
                let news = path.adverts.is_news(now);
                if news {
                    // The target may have lost its queue.
                    path.window.restart();
                }
                self.verify_path(index, now);
                if news {
                    self.tell_event(Event::Restarted, Some(index), 0);
                }
            }
            State::Identifying { .. } if path.is_being_asked() => path.adverts.doubt(),
            _ => {}
        }
    }

    /// A path that is up answered a beacon and is sent IDENTIFY: at least as often
    /// as beacons are sent, while I/O continues.
    pub(super) fn on_beacon_answer(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if !path.is_busy() {
            path.last_heard = now;
        }
        path.recheck |= path.adverts.asks_now(now);
        self.weigh_calm(index);
    }

    /// Sends postponed IDENTIFYs.
    pub(super) fn tick_adverts(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if path.adverts.due() <= now {
            path.adverts.on_due(now);
            path.recheck |= path.is_up();
        }
    }
}
