//! Complete fetches, from a server on this machine and with hostile archives.

mod archives;
mod faults;
mod server;
mod sets;
