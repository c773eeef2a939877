//! S3: objects as files below the cloud's `buckets` directory, through `s3s` and `s3s-fs`.
//!
//! Who called was already proven by [`crate::route`]; `s3s` verifies the signature once more because the body's chunks
//! are signed in a chain that starts with it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    CopyObjectInput, CreateBucketInput, CreateMultipartUploadInput, DeleteBucketInput, DeleteObjectInput,
    GetObjectInput, HeadObjectInput, PutObjectInput, ServerSideEncryption, UploadPartInput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;

use crate::cloud::Cloud;
use crate::credentials::Credentials;
use crate::fault::Fault;
use crate::ids;
use crate::layout::Layout;
use crate::parent_image::free_bytes;
use crate::route::caller_arn;
use crate::service::{Caller, Response};
use crate::store::Store;

/// The service over the buckets of one cloud.
pub(crate) fn open(layout: &Layout, store: &Arc<Store>, credentials: &Credentials) -> std::io::Result<S3Service> {
    fs_err::create_dir_all(layout.buckets())?;
    let files = FileSystem::new(layout.buckets())
        .map_err(|error| std::io::Error::other(format!("failed to open {}: {error:?}", layout.buckets().display())))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(Keys { store: Arc::clone(store), credentials: credentials.clone() });
    builder.set_access(Access { layout: layout.clone() });
    Ok(builder.build())
}

/// Answers a request of a caller whose signature holds.
pub async fn handle<B>(cloud: &Cloud, caller: Caller, request: hyper::Request<B>) -> Result<Response, Fault>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let mut request = request.map(s3s::Body::http_body_unsync);
    request.extensions_mut().insert(caller);
    let failed = |error| Fault::internal(format!("S3 failed: {error:?}"));
    let mut response = cloud.s3.call(request).await.map_err(failed)?;
    if let Ok(id) = HeaderValue::try_from(ids::uuid()) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    Ok(response.map(|body| body.map_err(std::io::Error::other).boxed()))
}

/// Looks up secrets for `s3s`.
struct Keys {
    store: Arc<Store>,
    credentials: Credentials,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.credentials.access_key_id {
            return Ok(SecretKey::from(self.credentials.secret_access_key.as_str()));
        }
        let secret =
            self.store.read(|state| state.sessions.get(access_key).map(|found| found.secret_access_key.clone()));
        secret.map(SecretKey::from).ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

/// Who may do what, and what AWS checks that `s3s-fs` does not.
struct Access {
    layout: Layout,
}

impl Access {
    fn has_bucket(&self, bucket: &str) -> bool {
        self.layout.buckets().join(bucket).is_dir()
    }

    /// Refuses what would fill the disk: `s3s-fs` would fail without saying why.
    fn has_room(&self, length: Option<i64>) -> S3Result<()> {
        const SLACK: u64 = 1 << 20;
        let buckets = self.layout.buckets();
        let needed = length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default() + SLACK;
        let free = free_bytes(&buckets).unwrap_or(u64::MAX);
        if free >= needed {
            return Ok(());
        }
        let message = format!(
            "the disk is full: the object needs {} MiB below `{}`, where {} MiB are free; free some space there",
            needed.div_ceil(1 << 20),
            buckets.display(),
            free >> 20
        );
        let mut error = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), message);
        // Unlike 500 it is nothing that a client would try again.
        error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
        Err(error)
    }

    fn bucket_exists(&self, bucket: &str) -> S3Result<()> {
        if self.has_bucket(bucket) {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"))
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = context.s3_op().name().to_owned();
        let signed = context.credentials().is_some();
        match context.extensions_mut().get::<Caller>() {
            Some(Caller::Operator) if signed => Ok(()),
            // AWS asks for `s3:GetObject` for both.
            Some(Caller::Instance { .. }) if signed && matches!(&*operation, "GetObject" | "HeadObject") => Ok(()),
            Some(caller) => Err(s3_error!(
                AccessDenied,
                "User: {} is not authorized to perform: s3:{operation} because no identity-based policy allows the s3:{operation} action",
                caller_arn(caller)
            )),
            None => Err(s3_error!(AccessDenied, "Access Denied")),
        }
    }

    async fn create_bucket(&self, request: &mut S3Request<CreateBucketInput>) -> S3Result<()> {
        if self.has_bucket(&request.input.bucket) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            ));
        }
        Ok(())
    }

    async fn delete_bucket(&self, request: &mut S3Request<DeleteBucketInput>) -> S3Result<()> {
        // `s3s-fs` would remove the objects with their bucket.
        if has_objects(&self.layout.buckets().join(&request.input.bucket)) {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        Ok(())
    }

    async fn delete_object(&self, request: &mut S3Request<DeleteObjectInput>) -> S3Result<()> {
        without("versions", request.input.version_id.as_deref())
    }

    async fn head_object(&self, request: &mut S3Request<HeadObjectInput>) -> S3Result<()> {
        without("versions", request.input.version_id.as_deref())
    }

    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        without("versions", request.input.version_id.as_deref())?;
        self.bucket_exists(&request.input.bucket)?;
        // `s3s-fs` would say so, but without AWS's words.
        if self.layout.buckets().join(&request.input.bucket).join(&request.input.key).is_file() {
            Ok(())
        } else {
            Err(s3_error!(NoSuchKey, "The specified key does not exist."))
        }
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        let PutObjectInput { server_side_encryption, sse_customer_algorithm, .. } = &request.input;
        without("encryption", server_side_encryption.as_ref().map(ServerSideEncryption::as_str))?;
        without("encryption", sse_customer_algorithm.as_deref())?;
        self.bucket_exists(&request.input.bucket)?;
        self.has_room(request.input.content_length)
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        let CopyObjectInput { server_side_encryption, sse_customer_algorithm, .. } = &request.input;
        without("encryption", server_side_encryption.as_ref().map(ServerSideEncryption::as_str))?;
        without("encryption", sse_customer_algorithm.as_deref())
    }

    async fn create_multipart_upload(&self, request: &mut S3Request<CreateMultipartUploadInput>) -> S3Result<()> {
        let CreateMultipartUploadInput { server_side_encryption, sse_customer_algorithm, .. } = &request.input;
        without("encryption", server_side_encryption.as_ref().map(ServerSideEncryption::as_str))?;
        without("encryption", sse_customer_algorithm.as_deref())
    }

    async fn upload_part(&self, request: &mut S3Request<UploadPartInput>) -> S3Result<()> {
        self.has_room(request.input.content_length)
    }
}

/// Refuses what `s3s-fs` would pass over.
fn without(what: &str, asked: Option<&str>) -> S3Result<()> {
    match asked {
        None => Ok(()),
        Some(asked) => Err(s3_error!(NotImplemented, "The local cloud's S3 has no {what}, and {asked} was asked for")),
    }
}

/// Whether there is a file anywhere in a bucket. Folders without any stay behind when objects are deleted.
fn has_objects(directory: &Path) -> bool {
    let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| !path.is_dir() || has_objects(&path))
}
