//! From a request to its service.
