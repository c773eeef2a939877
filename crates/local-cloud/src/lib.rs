//! An embedded cloud on loopback: AWS's wire protocols in front, real virtual machines behind.
//!
//! [`serve()`] runs the control plane until it is told to stop. Requests arrive in [`listen`], are matched to a service by
//! their signature's credential scope in [`route`], and end in a handler below [`service`]. Handlers change [`state`]
//! through [`store`], and guests through [`compute`], which drives QEMU in [`vm`].

pub mod bake;
pub mod cloud;
pub mod compute;
pub mod credentials;
pub mod down;
pub mod endpoint;
pub mod fault;
pub mod guest_link;
pub mod ids;
pub mod layout;
pub mod listen;
pub mod parent_image;
pub mod route;
pub mod serve;
pub mod service;
pub mod sigv4;
pub mod state;
pub mod store;
pub mod vm;
pub mod wire;

pub use cloud::Cloud;
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use guest_link::{Channel, pipe};
pub use serve::{Options, ServeError, serve};
