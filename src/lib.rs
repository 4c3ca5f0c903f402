//! ATA-over-Ethernet initiator protocol core.
//!
//! Performs no I/O, reads no clock and allocates nothing: every input carries
//! its arrival time, and every effect leaves through a `poll_output` method.
//! Dependencies point one way: `time <- wire <- {rtt, window, path, request}
//! <- {queue, discovery} <- target <- ffi`.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod wire;
