//! End-to-end tests: the program as a user runs it.
