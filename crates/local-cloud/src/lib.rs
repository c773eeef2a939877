//! An embedded cloud on loopback: AWS's wire protocols in front, real virtual machines behind.
//!
//! [`serve`] runs the control plane until it is told to stop. Requests arrive in [`listen`], are matched to a service by
//! their signature's credential scope in [`route`], and end in a handler below [`service`]. Handlers change [`state`]
//! through [`store`], and guests through [`compute`], which drives QEMU in [`vm`].

pub mod compute;
pub mod fault;
pub mod ids;
pub mod layout;
pub mod state;
pub mod store;
