//! Documents, as an author writes them, and what becomes of them. Every run is one of the real binary.

mod command_line;
mod documents;
mod downloads;
mod files;
mod policies;
mod processes;
mod support;
