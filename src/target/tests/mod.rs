//! Stories of one target, told frame by frame.

mod guard;
mod io;
mod life;
mod rig;
mod taste;
