// SPDX-License-Identifier: BSD-2-Clause
//! The next job for a target's disk: create, resize or remove it, or have GEOM
//! taste it again.
//!
//! The kernel carries out one job after the other, in a thread that may sleep, while
//! the target continues. The target's requests that accumulate meanwhile, in any
//! order, are reduced to one of two: remove the disk, then create one of the size last
//! requested; or resize the existing disk. So there is no queue that could overflow.

use crate::output::Output;
use crate::time::Instant;

/// A job for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Nothing, for now.
    Rest,
    /// Have GEOM remove the disk. [`Fate::let_go`] follows when GEOM has done so.
    Remove,
    /// Create a disk. [`Fate::made`] follows before GEOM gets the disk.
    Make {
        /// Its size in blocks of 512 bytes.
        blocks: u64,
        /// Whether it is write-protected.
        is_protected: bool,
    },
    /// Resize the disk.
    Resize {
        /// Its new size in blocks of 512 bytes.
        blocks: u64,
    },
    /// Have GEOM taste the disk again, if [`Fate::taste`] still agrees while opens are
    /// locked out.
    Taste,
}

/// The state of a target's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// There is no disk.
    None,
    /// The disk is being created.
    Making {
        /// The target is gone, so the disk is to be removed as soon as it has been
        /// created.
        is_doomed: bool,
    },
    /// GEOM has the disk, which may be opened and takes I/O.
    Live,
    /// The disk is to be removed.
    Doomed,
    /// GEOM is removing the disk.
    Going,
}

/// The state of a target's disk, and the state that the target and the administrator
/// want.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    disk: Disk,
    /// The size of the disk in blocks of 512 bytes, as created or last resized.
    blocks: u64,
    is_protected: bool,
    /// When it was opened, if it is open.
    opened: Option<Instant>,
    /// The size in blocks of the disk to create, as soon as there is none.
    wanted: Option<u64>,
    /// The size in blocks to which the existing disk is to be resized.
    resized: Option<u64>,
    retaste: bool,
    /// The administrator wants the disk to be write-protected.
    read_only: bool,
}

impl Fate {
    /// No disk, and none is to be created.
    pub const NONE: Self = Self {
        disk: Disk::None,
        blocks: 0,
        is_protected: false,
        opened: None,
        wanted: None,
        resized: None,
        retaste: false,
        read_only: false,
    };

    /// Takes a request of the target.
    pub fn on_output(&mut self, output: &Output) {
        match *output {
            Output::Up { sectors } => {
                (self.wanted, self.resized) = (Some(sectors), None);
            }
            Output::Resized { sectors } => match &mut self.wanted {
                Some(wanted) => *wanted = sectors,
                None => self.resized = Some(sectors),
            },
            Output::Retaste => self.retaste = true,
            Output::Gone => self.on_gone(),
            Output::Absent { .. }
            | Output::Complete { .. }
            | Output::ControlDone(_)
            | Output::Event { .. }
            | Output::Idle
            | Output::Resumed
            | Output::Suspended
            | Output::Transmit(_) => {}
        }
    }

    fn on_gone(&mut self) {
        (self.wanted, self.resized, self.retaste) = (None, None, false);
        self.disk = match self.disk {
            Disk::Live => Disk::Doomed,
            Disk::Making { .. } => Disk::Making { is_doomed: true },
            disk @ (Disk::None | Disk::Doomed | Disk::Going) => disk,
        };
    }

    /// Returns the next job for the disk. A job that cannot be done yet is returned
    /// again later.
    pub fn next_job(&mut self) -> Job {
        match self.disk {
            Disk::Making { .. } | Disk::Going => Job::Rest,
            Disk::Doomed => {
                self.disk = Disk::Going;
                Job::Remove
            }
            Disk::None => match self.wanted.take() {
                Some(blocks) => {
                    self.disk = Disk::Making { is_doomed: false };
                    (self.blocks, self.is_protected) = (blocks, self.read_only);
                    // GEOM tastes every new disk.
                    self.retaste = false;
                    Job::Make { blocks, is_protected: self.is_protected }
                }
                None => Job::Rest,
            },
            Disk::Live => self.next_of_live(),
        }
    }

    fn next_of_live(&mut self) -> Job {
        // There is a disk already: a request to create one can only change its size.
        self.resized = self.wanted.take().or(self.resized);
        let is_open = self.opened.is_some();
        // GEOM would orphan the users of an open disk that shrinks.
        if let Some(blocks) = self.resized.filter(|blocks| !is_open || *blocks >= self.blocks) {
            (self.blocks, self.resized) = (blocks, None);
            return Job::Resize { blocks };
        }
        if self.retaste && !is_open { Job::Taste } else { Job::Rest }
    }

    /// Notes that the disk was created. GEOM gets it next.
    pub fn made(&mut self) {
        if let Disk::Making { is_doomed } = self.disk {
            self.disk = if is_doomed { Disk::Doomed } else { Disk::Live };
        }
        self.protect();
    }

    /// Notes that GEOM has removed the disk, so nothing refers to it any more.
    pub fn let_go(&mut self) {
        (self.disk, self.opened) = (Disk::None, None);
    }

    /// Returns whether GEOM is to taste the disk now. Opens are locked out during the
    /// call.
    pub fn taste(&mut self) -> bool {
        let can = self.retaste && self.disk == Disk::Live && self.opened.is_none();
        self.retaste &= !can;
        can
    }

    /// Returns whether the disk may be opened, and takes I/O. I/O through a disk that
    /// is being removed must not reach the next disk at its address.
    #[inline]
    pub fn is_live(&self) -> bool {
        self.disk == Disk::Live
    }

    /// Notes the first open of the disk.
    pub const fn open(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// Notes the last close, also of a disk that is being removed.
    pub fn close(&mut self) {
        self.opened = None;
        self.protect();
    }

    /// Returns when the disk was opened, or `None` if it is not open.
    pub const fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// Returns whether the disk was open at `then`, and has been open since.
    pub fn was_open(&self, then: Instant) -> bool {
        self.opened.is_some_and(|opened| opened <= then)
    }

    /// Notes whether the administrator wants the disk to be write-protected.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
        self.protect();
    }

    /// Has the disk recreated if its write protection is to change, which GEOM does
    /// not support on an existing one. An open disk is left alone until it is closed.
    fn protect(&mut self) {
        let is_right = self.is_protected == self.read_only;
        if self.disk != Disk::Live || self.opened.is_some() || is_right {
            return;
        }
        let blocks = self.wanted.or(self.resized.take()).unwrap_or(self.blocks);
        (self.disk, self.wanted) = (Disk::Doomed, Some(blocks));
    }

    /// Returns the state of the disk.
    pub const fn disk(&self) -> Disk {
        self.disk
    }

    /// Returns whether there is no disk, and none is to be created.
    pub fn is_over(&self) -> bool {
        self.disk == Disk::None && self.wanted.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    const NOW: Instant = Instant::from_micros(5);

    fn up(fate: &mut Fate, sectors: u64) {
        fate.on_output(&Output::Up { sectors });
    }

    fn resized(fate: &mut Fate, sectors: u64) {
        fate.on_output(&Output::Resized { sectors });
    }

    /// Carries out jobs at once until none is left, and returns them.
    fn serve(fate: &mut Fate) -> Vec<Job> {
        let mut jobs = vec![];
        loop {
            let job = fate.next_job();
            match job {
                Job::Rest => return jobs,
                Job::Make { .. } => fate.made(),
                Job::Remove => fate.let_go(),
                Job::Taste => assert!(fate.taste()),
                Job::Resize { .. } => {}
            }
            jobs.push(job);
        }
    }

    fn make(blocks: u64) -> Job {
        Job::Make { blocks, is_protected: false }
    }

    fn live(blocks: u64) -> Fate {
        let mut fate = Fate::NONE;
        up(&mut fate, blocks);
        assert_eq!(serve(&mut fate), [make(blocks)]);
        fate
    }

    #[test]
    fn a_disk_is_made_resized_and_removed() {
        let mut fate = live(100);
        resized(&mut fate, 200);
        assert_eq!(serve(&mut fate), [Job::Resize { blocks: 200 }]);
        fate.on_output(&Output::Gone);
        assert!(!fate.is_live() && !fate.is_over());
        assert_eq!(serve(&mut fate), [Job::Remove]);
        assert!(fate.is_over());
    }

    #[test]
    fn what_was_not_made_yet_is_made_with_the_last_size_or_not_at_all() {
        let mut fate = Fate::NONE;
        up(&mut fate, 100);
        resized(&mut fate, 200);
        assert!(!fate.is_over());
        fate.on_output(&Output::Gone);
        assert_eq!(serve(&mut fate), []);
        up(&mut fate, 100);
        resized(&mut fate, 200);
        assert_eq!(serve(&mut fate), [make(200)]);
    }

    #[test]
    fn a_disk_whose_target_goes_while_it_is_made_is_removed_at_once() {
        let mut fate = Fate::NONE;
        up(&mut fate, 100);
        assert_eq!(fate.next_job(), make(100));
        fate.on_output(&Output::Gone);
        assert_eq!(fate.next_job(), Job::Rest);
        fate.made();
        assert!(!fate.is_live());
        assert_eq!(serve(&mut fate), [Job::Remove]);
    }

    #[test]
    fn a_new_disk_waits_until_the_old_one_is_let_go() {
        let mut fate = live(100);
        fate.on_output(&Output::Gone);
        up(&mut fate, 300);
        assert_eq!(fate.next_job(), Job::Remove);
        assert_eq!(fate.next_job(), Job::Rest);
        fate.let_go();
        assert_eq!(serve(&mut fate), [make(300)]);
    }

    #[test]
    fn a_disk_that_comes_up_twice_has_another_size() {
        let mut fate = live(100);
        up(&mut fate, 300);
        assert_eq!(serve(&mut fate), [Job::Resize { blocks: 300 }]);
        up(&mut fate, 400);
        fate.on_output(&Output::Gone);
        assert_eq!(serve(&mut fate), [Job::Remove]);
    }

    #[test]
    fn an_open_disk_grows_at_once_and_shrinks_when_it_is_closed() {
        let mut fate = live(100);
        fate.open(NOW);
        resized(&mut fate, 50);
        assert_eq!(serve(&mut fate), []);
        resized(&mut fate, 150);
        assert_eq!(serve(&mut fate), [Job::Resize { blocks: 150 }]);
        resized(&mut fate, 50);
        fate.close();
        assert_eq!(serve(&mut fate), [Job::Resize { blocks: 50 }]);
    }

    #[test]
    fn a_disk_that_is_to_refuse_writes_is_made_anew_once_it_is_closed() {
        let mut fate = live(100);
        fate.open(NOW);
        fate.set_read_only(true);
        resized(&mut fate, 50);
        assert_eq!(serve(&mut fate), []);
        assert!(fate.is_live());
        fate.close();
        // It can no longer be opened without the protection.
        assert!(!fate.is_live());
        let protected = Job::Make { blocks: 50, is_protected: true };
        assert_eq!(serve(&mut fate), [Job::Remove, protected]);
        fate.set_read_only(true);
        assert_eq!(serve(&mut fate), []);
        fate.set_read_only(false);
        assert_eq!(serve(&mut fate), [Job::Remove, make(50)]);
    }

    #[test]
    fn a_change_of_mind_while_a_disk_is_made_makes_it_anew() {
        let mut fate = Fate::NONE;
        up(&mut fate, 100);
        assert_eq!(fate.next_job(), make(100));
        fate.set_read_only(true);
        fate.made();
        let protected = Job::Make { blocks: 100, is_protected: true };
        assert_eq!(serve(&mut fate), [Job::Remove, protected]);
    }

    #[test]
    fn a_disk_is_tasted_again_when_nobody_has_it_open() {
        let mut fate = live(100);
        fate.open(NOW);
        fate.on_output(&Output::Retaste);
        assert_eq!(serve(&mut fate), []);
        fate.close();
        assert_eq!(fate.next_job(), Job::Taste);
        // It is opened before it can be tasted.
        fate.open(NOW);
        assert!(!fate.taste());
        fate.close();
        assert_eq!(serve(&mut fate), [Job::Taste]);
        assert!(!fate.taste());
    }

    #[test]
    fn a_disk_that_is_made_anew_is_not_tasted_once_more() {
        let mut fate = live(100);
        fate.on_output(&Output::Retaste);
        fate.set_read_only(true);
        let protected = Job::Make { blocks: 100, is_protected: true };
        assert_eq!(serve(&mut fate), [Job::Remove, protected]);
    }

    #[test]
    fn a_disk_is_opened_when_it_says() {
        let mut fate = live(100);
        assert_eq!(fate.opened(), None);
        fate.open(NOW);
        assert_eq!(fate.opened(), Some(NOW));
        fate.on_output(&Output::Gone);
        assert_eq!(fate.next_job(), Job::Remove);
        assert_eq!(fate.opened(), Some(NOW));
        fate.close();
        fate.let_go();
        assert_eq!((fate.opened(), fate.disk()), (None, Disk::None));
    }

    #[test]
    fn what_was_opened_later_or_closed_was_not_open_at_a_time() {
        let mut fate = Fate::NONE;
        assert!(!fate.was_open(NOW));
        fate.open(NOW);
        assert!(fate.was_open(NOW));
        assert!(!fate.was_open(Instant::from_micros(4)));
        fate.close();
        assert!(!fate.was_open(NOW));
    }
}
