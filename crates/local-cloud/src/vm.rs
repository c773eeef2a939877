//! Placeholder: helper vm.
