//! The endpoint's listener.
