//! Placeholder: helper ib.
