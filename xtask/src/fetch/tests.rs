//! Whole fetches, against a server on this machine and hostile archives.

mod archives;
mod faults;
mod server;
mod sets;
