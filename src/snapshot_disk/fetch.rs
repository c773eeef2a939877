//! One block of a snapshot, whole and as EBS says it is.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_ebs::types::ChecksumAlgorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::aws;
use crate::error::{Failure, cloud};

/// How often a block is asked for whose bytes broke off or came damaged. What EBS refuses, the SDK has asked for again already.
const ATTEMPTS: u32 = 3;

/// Where the blocks come from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) client: aws_sdk_ebs::Client,
    pub(super) snapshot_id: String,
    /// Numbers and tokens of the blocks that the snapshot holds, in order.
    pub(super) blocks: Vec<(u32, String)>,
    pub(super) block_size: u64,
    /// Of the whole disk.
    pub(super) size: u64,
}

/// Why a block did not come.
enum Trouble {
    Refused(Failure),
    Broken(Failure),
}

impl Source {
    /// The block with this number in the list.
    pub(super) async fn fetch(&self, listed: usize) -> Result<Bytes, Failure> {
        let mut attempt = 1;
        loop {
            match self.try_to_fetch(listed).await {
                Ok(bytes) => return Ok(bytes),
                Err(Trouble::Broken(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(Trouble::Refused(failure) | Trouble::Broken(failure)) => return Err(failure),
            }
        }
    }

    async fn try_to_fetch(&self, listed: usize) -> Result<Bytes, Trouble> {
        let (index, token) = &self.blocks[listed];
        let block = format!("block {index} of {}", self.snapshot_id);
        let ask = self.client.get_snapshot_block().snapshot_id(&self.snapshot_id).block_token(token);
        let answer = ask.block_index(i32::try_from(*index).unwrap_or(i32::MAX)).send().await;
        let answer = answer.map_err(|error| Trouble::Refused(aws::describe(&format!("read {block}"), &error)))?;
        let (checksum, algorithm) = (answer.checksum, answer.checksum_algorithm);
        let failed = |what: &str| cloud(format!("{block} {what}"));
        let broken = |what: &str| Trouble::Broken(failed(what));
        let bytes = answer.block_data.collect().await;
        let bytes = bytes.map_err(|error| Trouble::Broken(failed("broke off").source(error)))?.into_bytes();
        if bytes.len() as u64 != self.block_size {
            return Err(broken(&format!("came with {} bytes", bytes.len())));
        }
        if algorithm != Some(ChecksumAlgorithm::ChecksumAlgorithmSha256) {
            return Err(broken("came without a checksum"));
        }
        if checksum != Some(STANDARD.encode(digest(&SHA256, &bytes))) {
            return Err(broken("is not what its checksum says"));
        }
        Ok(bytes)
    }
}
