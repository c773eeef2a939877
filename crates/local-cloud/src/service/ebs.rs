//! The EBS direct APIs, as far as they read: which blocks of a snapshot hold data, and the data.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{Request, Response};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::state::{ImageState, Snapshot};

mod disk;
mod token;

pub(crate) use disk::Disks;
use token::{Kind, Sealer};

/// Bytes of a block.
const BLOCK_SIZE: usize = 512 * 1024;
/// The fewest and the most blocks of a page.
const PAGE: (usize, usize) = (100, 10_000);

/// Answers one call. The signature has been verified, and that the operator made it.
pub async fn handle(cloud: &Arc<Cloud>, request: Request) -> Response {
    respond(cloud, &request).await.unwrap_or_else(Refusal::response)
}

async fn respond(cloud: &Arc<Cloud>, request: &Request) -> Result<Response, Refusal> {
    match Operation::of(request).ok_or_else(|| unknown(request))? {
        Operation::ListSnapshotBlocks { snapshot_id } => list(cloud, request, snapshot_id).await,
        Operation::GetSnapshotBlock { snapshot_id, block } => get(cloud, request, snapshot_id, block).await,
    }
}

/// What is asked of a snapshot.
enum Operation<'a> {
    ListSnapshotBlocks { snapshot_id: &'a str },
    GetSnapshotBlock { snapshot_id: &'a str, block: &'a str },
}

impl<'a> Operation<'a> {
    /// Reads `/snapshots/{snapshotId}/blocks[/{blockIndex}]`.
    fn of(request: &'a Request) -> Option<Self> {
        if request.method != Method::GET {
            return None;
        }
        match request.path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["snapshots", snapshot_id, "blocks"] => Some(Self::ListSnapshotBlocks { snapshot_id }),
            ["snapshots", snapshot_id, "blocks", block] => Some(Self::GetSnapshotBlock { snapshot_id, block }),
            _ => None,
        }
    }
}

/// The permission that the request needs.
pub(crate) fn action(request: &Request) -> Option<&'static str> {
    Some(match Operation::of(request)? {
        Operation::ListSnapshotBlocks { .. } => "ListSnapshotBlocks",
        Operation::GetSnapshotBlock { .. } => "GetSnapshotBlock",
    })
}

async fn list(cloud: &Arc<Cloud>, request: &Request, snapshot_id: &str) -> Result<Response, Refusal> {
    let [most, page, start] = parameters(request, ["maxResults", "pageToken", "startingBlockIndex"])?;
    let most = number(most, "maxResults")?.unwrap_or(PAGE.1);
    let start = number(start, "startingBlockIndex")?.unwrap_or(0);
    if most > PAGE.1 {
        return Err(invalid("INVALID_PARAMETER_VALUE", format!("maxResults is at most {}.", PAGE.1)));
    }
    let snapshot = find(cloud, &request.region, snapshot_id)?;
    let sealer = Sealer { secret: &cloud.credentials.secret_access_key, snapshot_id };
    let bad_page = || invalid("INVALID_PAGE_TOKEN", "The page token is not of this snapshot, or has expired.");
    let start = page.map_or(Ok(start), |page| sealer.open(Kind::Page, page).ok_or_else(bad_page))?;
    let disk = cloud.disks.open(snapshot_id, &cloud.layout.image_disk(&snapshot.image_id)).await?;
    let rest = &disk.blocks[disk.blocks.partition_point(|block| *block < start)..];
    // Fewer than the least are not worth a page; AWS answers that many all the same.
    let (blocks, next) = rest.split_at(most.max(PAGE.0).min(rest.len()));
    let expires = token::expiry();
    let block = |block: &u32| json!({"BlockIndex": block, "BlockToken": sealer.seal(Kind::Block, *block, expires)});
    let mut answer = json!({
        "Blocks": blocks.iter().map(block).collect::<Vec<Value>>(),
        "BlockSize": BLOCK_SIZE,
        "ExpiryTime": expires.as_second(),
        "VolumeSize": snapshot.volume_gib,
    });
    if let Some(next) = next.first() {
        answer["NextToken"] = sealer.seal(Kind::Page, *next, expires).into();
    }
    Ok(super::json(200, &answer))
}

async fn get(cloud: &Arc<Cloud>, request: &Request, snapshot_id: &str, block: &str) -> Result<Response, Refusal> {
    let [token] = parameters(request, ["blockToken"])?;
    let block: Option<u32> = number(Some(block), "blockIndex")?;
    let snapshot = find(cloud, &request.region, snapshot_id)?;
    let sealer = Sealer { secret: &cloud.credentials.secret_access_key, snapshot_id };
    let opened = token.and_then(|token| sealer.open(Kind::Block, token));
    let block = opened.filter(|opened| block == Some(*opened));
    let block = block.ok_or_else(|| {
        invalid("INVALID_BLOCK_TOKEN", "The block token is not of this block of this snapshot, or has expired.")
    })?;
    let disk = cloud.disks.open(snapshot_id, &cloud.layout.image_disk(&snapshot.image_id)).await?;
    let bytes = disk.read(block).await?;
    let checksum = STANDARD.encode(digest(&SHA256, &bytes));
    let mut response = super::answer(200, "application/octet-stream", &ids::uuid(), bytes);
    set(response.headers_mut(), "x-amz-data-length", &BLOCK_SIZE.to_string());
    set(response.headers_mut(), "x-amz-checksum", &checksum);
    set(response.headers_mut(), "x-amz-checksum-algorithm", "SHA256");
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn find(cloud: &Cloud, region: &str, snapshot_id: &str) -> Result<Snapshot, Refusal> {
    let is_id = snapshot_id.strip_prefix("snap-").is_some_and(|digits| {
        let is_digit = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        (1..60).contains(&digits.len()) && digits.bytes().all(is_digit)
    });
    if !is_id {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("'{snapshot_id}' is no snapshot's id.")));
    }
    let found = cloud.store.read(|state| state.snapshots(region).get(snapshot_id).cloned());
    let snapshot = found.ok_or_else(|| Refusal {
        fault: Fault::new(404, "ResourceNotFoundException", format!("The snapshot '{snapshot_id}' does not exist.")),
        reason: Some("SNAPSHOT_NOT_FOUND"),
    })?;
    let image = cloud.store.read(|state| state.images(region).get(&snapshot.image_id).map(|image| image.state));
    if image.is_some_and(|state| state != ImageState::Available) {
        return Err(invalid("INVALID_SNAPSHOT_ID", format!("The snapshot '{snapshot_id}' is not completed.")));
    }
    Ok(snapshot)
}

/// The parameters of these names. One that is not known is refused.
fn parameters<'a, const N: usize>(request: &'a Request, names: [&str; N]) -> Result<[Option<&'a str>; N], Refusal> {
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        return Err(invalid("INVALID_PARAMETER_VALUE", format!("The operation has no parameter '{name}'.")));
    }
    Ok(names.map(|name| request.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())))
}

fn number<T: std::str::FromStr>(text: Option<&str>, name: &str) -> Result<Option<T>, Refusal> {
    let refused = |_| invalid("INVALID_PARAMETER_VALUE", format!("{name} is a whole number that is not negative."));
    text.map(str::parse).transpose().map_err(refused)
}

/// An error, with what the EBS direct APIs add to it.
struct Refusal {
    fault: Fault,
    reason: Option<&'static str>,
}

impl Refusal {
    fn response(self) -> Response {
        let Self { fault, reason } = self;
        let mut body = json!({"Message": fault.message});
        if let Some(reason) = reason {
            body["Reason"] = reason.into();
        }
        let mut response = super::json(fault.status, &body);
        set(response.headers_mut(), "x-amzn-errortype", &fault.code);
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault: Fault { code: "InternalServerException".to_owned(), ..fault }, reason: None }
    }
}

fn invalid(reason: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { fault: Fault::client("ValidationException", message), reason: Some(reason) }
}

fn unknown(request: &Request) -> Refusal {
    let message = format!(
        "The local cloud's EBS has no operation {} {}; it has ListSnapshotBlocks and GetSnapshotBlock",
        request.method, request.path
    );
    Refusal { fault: Fault::new(404, "UnknownOperationException", message), reason: None }
}
