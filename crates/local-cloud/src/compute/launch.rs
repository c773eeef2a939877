//! From a request to a pending instance. Its files are written before its record: a directory without a record is rubbish,
//! a record without its user data would be a lie.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Compute, capacity, loopback};
use crate::fault::Fault;
use crate::ids;
use crate::parent_image::free_bytes;
use crate::state::{Image, Instance, InstanceState, SUBNET, State, Tags};

/// Below this a guest would soon find its disk full.
const LEAST_FREE: u64 = 512 * 1024 * 1024;

/// Sizes of seed disks are multiples of this many bytes; hardly one needs more than one.
const SEED_STEP: u64 = 64 << 20;

/// What `RunInstances` asks for, one instance at a time.
#[derive(Clone, Default)]
pub struct LaunchRequest {
    pub image_id: String,
    pub instance_type: String,
    /// Raw user data, at most 16,384 bytes.
    pub user_data: Option<Vec<u8>>,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    pub subnet_id: Option<String>,
    pub instance_profile: Option<String>,
    pub volume_gib: Option<u32>,
    /// ARN of the key for the root volume, where it is not the image's.
    pub kms_key: Option<String>,
    pub http_put_response_hop_limit: u8,
    pub client_token: Option<String>,
    pub tags: Tags,
    /// Present for build and test instances: the tar file the agent unpacks and runs (see ARCHITECTURE.md, "The agent").
    pub agent_seed: Option<PathBuf>,
}

impl LaunchRequest {
    /// Tells requests with the same client token apart.
    fn digest(&self) -> String {
        let Self {
            image_id,
            instance_type,
            key_name,
            security_groups,
            instance_profile,
            volume_gib,
            kms_key,
            tags,
            ..
        } = self;
        let limit = self.http_put_response_hop_limit;
        let (seed, subnet) = (&self.agent_seed, &self.subnet_id);
        let facts = serde_json::json!([
            image_id,
            instance_type,
            key_name,
            security_groups,
            instance_profile,
            volume_gib,
            limit,
            tags,
            seed,
            subnet,
            kms_key
        ]);
        let mut hash = Sha256::new_with_prefix(facts.to_string());
        // A marker keeps no user data and empty user data apart.
        if let Some(user_data) = &self.user_data {
            hash.update([0]);
            hash.update(user_data);
        }
        hex::encode(hash.finalize())
    }
}

impl std::fmt::Debug for LaunchRequest {
    /// User data holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaunchRequest")
            .field("image_id", &self.image_id)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}

impl Compute {
    /// Starts an instance and answers while it is pending. A repeated client token answers the first instance.
    pub async fn launch(self: &Arc<Self>, request: LaunchRequest) -> Result<Instance, Fault> {
        let digest = request.digest();
        let _address = self.addresses.lock().await;
        if let Some(first) = self.store.read(|state| launched_before(state, &request, &digest))? {
            return Ok(first);
        }
        let image = self.store.read(|state| state.find_image(&request.image_id).cloned()).ok_or_else(|| {
            let message = format!("The image id '[{}]' does not exist", request.image_id);
            Fault::client("InvalidAMIID.NotFound", message)
        })?;
        self.check_space()?;
        let instance_id = ids::resource("i");
        let directory = self.directory(&instance_id);
        let launched = self.record(&request, &image, instance_id, digest).inspect_err(|_| {
            // What cannot be removed now is removed at the next start.
            let _ = fs_err::remove_dir_all(&directory);
        })?;
        tokio::spawn(Arc::clone(self).boot(launched.instance_id.clone()));
        Ok(launched)
    }

    fn record(&self, request: &LaunchRequest, image: &Image, id: String, digest: String) -> Result<Instance, Fault> {
        write_files(&self.directory(&id), request).map_err(|error| {
            let message = format!("failed to write the files of the instance {id}: {error}");
            Fault::internal(message)
        })?;
        let subnet_id = request.subnet_id.as_deref().unwrap_or(SUBNET);
        self.store.change(|state| {
            super::forget_terminated(state);
            capacity::check(&self.layout, state, &request.instance_type, subnet_id)?;
            let address = loopback::for_instance(state, &self.layout.directory)?;
            let instance = Instance {
                instance_id: id.clone(),
                image_id: image.image_id.clone(),
                instance_type: request.instance_type.clone(),
                state: InstanceState::Pending,
                state_reason: None,
                launched: Timestamp::now(),
                terminated: None,
                address,
                volume_id: ids::resource("vol"),
                volume_gib: request.volume_gib.unwrap_or(image.volume_gib).max(image.volume_gib),
                kms_key: request.kms_key.clone().or_else(|| image.kms_key.clone()),
                volume_tags: Tags::new(),
                key_name: request.key_name.clone(),
                security_groups: request.security_groups.clone(),
                subnet_id: subnet_id.to_owned(),
                instance_profile: request.instance_profile.clone(),
                http_put_response_hop_limit: request.http_put_response_hop_limit,
                client_token: request.client_token.clone(),
                request_digest: digest,
                agent: request.agent_seed.is_some(),
                tags: request.tags.clone(),
            };
            state.instances.insert(id, instance.clone());
            Ok(instance)
        })
    }

    fn check_space(&self) -> Result<(), Fault> {
        let directory = &self.layout.directory;
        let free = free_bytes(directory).unwrap_or(u64::MAX);
        if free >= LEAST_FREE {
            return Ok(());
        }
        let message = format!(
            "an instance needs {} MiB below `{}`, where {} MiB are free; terminate instances, deregister images, or free \
             some space",
            LEAST_FREE >> 20,
            directory.display(),
            free >> 20
        );
        Err(Fault::new(500, "InsufficientInstanceCapacity", message))
    }
}

fn launched_before(state: &State, request: &LaunchRequest, digest: &str) -> Result<Option<Instance>, Fault> {
    let Some(token) = &request.client_token else { return Ok(None) };
    let first = state.instances.values().find(|instance| instance.client_token.as_ref() == Some(token));
    match first {
        Some(first) if first.request_digest != digest => {
            let message =
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
            Err(Fault::client("IdempotentParameterMismatch", message))
        }
        first => Ok(first.cloned()),
    }
}

fn write_files(directory: &Path, request: &LaunchRequest) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if let Some(user_data) = &request.user_data {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(directory.join("user-data"))?.write_all(user_data)?;
    }
    if let Some(seed) = &request.agent_seed {
        let seed_disk = directory.join("seed.tar");
        let bytes = fs_err::copy(seed, &seed_disk)?;
        // A guest that was saved with a seed disk of some size has one of that size ever after. A tar file may end in zeros.
        fs_err::File::options().write(true).open(&seed_disk)?.set_len(bytes.next_multiple_of(SEED_STEP))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_counts_for_the_digest_and_is_not_shown() {
        let without = LaunchRequest { image_id: "ami-1".into(), ..LaunchRequest::default() };
        let empty = LaunchRequest { user_data: Some(Vec::new()), ..without.clone() };
        let secret = LaunchRequest { user_data: Some(b"PASSWORD=hunter2".to_vec()), ..without.clone() };
        assert_ne!(without.digest(), empty.digest());
        assert_ne!(empty.digest(), secret.digest());
        assert_eq!(secret.digest(), secret.clone().digest());
        let shown = format!("{secret:?}");
        assert!(shown.contains("ami-1") && !shown.contains("104") && !shown.contains("hunter2"), "{shown}");
    }
}
