//! The tags the tool finds its images and instances by. Nothing without them is ever touched.

/// Name of the service, as in the recipe.
pub const SERVICE: &str = "veris:service";

/// Version of the image.
pub const VERSION: &str = "veris:version";

/// Bake digest of the image.
pub const DIGEST: &str = "veris:digest";

/// Commit the image was baked from.
pub const COMMIT: &str = "veris:commit";

/// The deployment that created an instance, as `ENVIRONMENT/NUMBER`.
pub const DEPLOYMENT: &str = "veris:deployment";

/// When an instance was put behind the address for the first time (RFC 3339).
pub const PROMOTED_AT: &str = "veris:promoted-at";

/// When the address was taken from an instance by a roll back (RFC 3339): a later roll back does not return to it by itself.
pub const ROLLED_BACK_AT: &str = "veris:rolled-back-at";
