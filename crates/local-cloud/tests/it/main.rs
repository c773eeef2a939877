//! The local cloud as a client meets it on the wire: signed requests over HTTP, whole answers. Only `guests` boots any.
#![expect(clippy::unwrap_used, reason = "a test's helper fails as its test does")]

mod bedrock;
mod botocore;
mod clean_up;
mod ebs;
mod ec2_addresses;
mod ec2_copies;
mod ec2_encryption;
mod ec2_images;
mod ec2_instances;
mod ec2_launch;
mod ec2_security_groups;
mod ec2_sharing;
mod ec2_tags;
mod everywhere;
mod faults;
mod full_disk;
mod guests;
mod iam;
mod image_builder;
mod instance_connect;
mod listener;
mod metadata;
#[path = "../../../veris-chat/tests/it/python.rs"]
mod python;
mod regions;
mod s3;
mod secrets_manager;
mod semantics;
mod signatures;
mod small_disk;
mod ssm;
mod sts;
mod support;
