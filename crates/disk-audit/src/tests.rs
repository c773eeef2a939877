//! Audits of disks that the tools of Linux have made.

mod damage;
mod disks;
mod images;
mod readers;
mod stories;
