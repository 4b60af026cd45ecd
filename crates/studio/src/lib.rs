//! The browser studio.
