//! Names of Image Builder's resources.

use std::fmt;

use serde_json::{Value, json};

use super::version::{Pattern, Version};
use crate::fault::Fault;
use crate::state::ACCOUNT;

/// The kinds of resources that the local cloud has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Component,
    ImageRecipe,
    InfrastructureConfiguration,
    DistributionConfiguration,
    Image,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Component,
        Self::ImageRecipe,
        Self::InfrastructureConfiguration,
        Self::DistributionConfiguration,
        Self::Image,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::ImageRecipe => "image-recipe",
            Self::InfrastructureConfiguration => "infrastructure-configuration",
            Self::DistributionConfiguration => "distribution-configuration",
            Self::Image => "image",
        }
    }

    /// As AWS writes it in its messages.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Component => "Component",
            Self::ImageRecipe => "ImageRecipe",
            Self::InfrastructureConfiguration => "InfrastructureConfiguration",
            Self::DistributionConfiguration => "DistributionConfiguration",
            Self::Image => "Image",
        }
    }
}

/// How exactly an operation wants its resource named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// Resources without versions.
    Unversioned,
    /// `1.2.3`, or with `x` in the last places.
    Pattern,
    /// `1.2.3` only.
    Version,
    /// `1.2.3/4`.
    Build,
    /// A pattern or a build.
    PatternOrBuild,
}

/// `arn:aws:imagebuilder:REGION:ACCOUNT:KIND/NAME[/VERSION[/BUILD]]`, as a request may give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arn {
    pub region: String,
    pub account: String,
    pub kind: Kind,
    pub name: String,
    pub version: Option<Pattern>,
    pub build: Option<u32>,
}

impl Arn {
    /// Reads any name of a resource.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let mut segments = resource.split('/');
        let kind = segments.next()?;
        let kind = Kind::ALL.into_iter().find(|known| known.path() == kind)?;
        let name = segments.next()?;
        let version = segments.next().map(Pattern::parse);
        let build = segments.next().map(|build| build.parse::<u32>().ok());
        let well_formed = scheme == "arn"
            && partition.starts_with("aws")
            && service == "imagebuilder"
            && !region.is_empty()
            && (account == "aws" || (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())))
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && segments.next().is_none()
            && version != Some(None)
            && build != Some(None);
        well_formed.then(|| Self {
            region: region.to_owned(),
            account: account.to_owned(),
            kind,
            name: name.to_owned(),
            version: version.flatten(),
            build: build.flatten(),
        })
    }

    /// Reads the name given for `parameter`, which must name a `kind` with this `precision`.
    pub(super) fn expect(parameter: &str, text: &str, kind: Kind, precision: Precision) -> Result<Self, Fault> {
        let fits = |arn: &Self| {
            let exact = arn.version.as_ref().is_some_and(|version| version.exact().is_some());
            match precision {
                Precision::Unversioned => arn.version.is_none(),
                Precision::Pattern => arn.version.is_some() && arn.build.is_none(),
                Precision::Version => exact && arn.build.is_none(),
                Precision::Build => exact && arn.build.is_some(),
                Precision::PatternOrBuild => arn.version.is_some() && (arn.build.is_none() || exact),
            }
        };
        match Self::parse(text) {
            Some(arn) if arn.kind == kind && fits(&arn) => Ok(arn),
            _ => Err(Fault::client(
                "InvalidParameterValueException",
                format!(
                    "The value supplied for parameter '{parameter}' is not valid. '{parameter}' must match pattern \
                     arn:aws:imagebuilder:REGION:ACCOUNT:{}{}",
                    kind.path(),
                    precision.shape()
                ),
            )),
        }
    }

    /// The name of a resource of ours.
    pub(super) fn ours(region: &str, kind: Kind, name: &str) -> Self {
        Self {
            region: region.to_owned(),
            account: ACCOUNT.to_owned(),
            kind,
            name: slug(name),
            version: None,
            build: None,
        }
    }

    pub(super) fn with_version(mut self, version: Version) -> Self {
        self.version = Some(version.into());
        self
    }

    pub(super) fn with_build(mut self, build: u32) -> Self {
        self.build = Some(build);
        self
    }

    /// Whether `other`, the full name of a resource, is among those that this one means.
    pub(super) fn means(&self, other: &Self) -> bool {
        (&self.region, &self.account, self.kind, &self.name) == (&other.region, &other.account, other.kind, &other.name)
            && self.build.is_none_or(|build| other.build == Some(build))
            && match (&self.version, &other.version) {
                (None, _) => true,
                (Some(pattern), Some(version)) => version.exact().is_some_and(|version| pattern.matches(version)),
                (Some(_), None) => false,
            }
    }

    /// Version and build number, for finding the newest.
    pub(super) fn age(&self) -> (Option<Version>, Option<u32>) {
        (self.version.as_ref().and_then(Pattern::exact), self.build)
    }

    /// Sorts as [`Arn::age`] does, among strings.
    pub(super) fn sort_key(&self) -> String {
        let [major, minor, patch] = self.age().0.map_or([0; 3], |version| version.0);
        format!("{}/{major:010}.{minor:010}.{patch:010}/{:010}", self.name, self.build.unwrap_or_default())
    }

    /// The wildcard names under which the newest versions are found.
    pub(super) fn latest_versions(&self) -> Value {
        let Some(Version([major, minor, patch])) = self.age().0 else { return Value::Null };
        let base = Self { version: None, build: None, ..self.clone() };
        json!({
            "latestVersionArn": format!("{base}/x.x.x"),
            "latestMajorVersionArn": format!("{base}/{major}.x.x"),
            "latestMinorVersionArn": format!("{base}/{major}.{minor}.x"),
            "latestPatchVersionArn": format!("{base}/{major}.{minor}.{patch}"),
        })
    }

    /// The ARN without its build number.
    pub(super) fn version_arn(&self) -> Self {
        Self { build: None, ..self.clone() }
    }

    /// That no such resource exists.
    pub(super) fn not_found(&self) -> Fault {
        let hint = match self.account.as_str() {
            "aws" => " The local cloud has none of Amazon's managed resources.",
            _ => "",
        };
        Fault::new(404, "ResourceNotFoundException", format!("The resource with ARN '{self}' cannot be found.{hint}"))
    }

    /// That the resource cannot be changed or removed because of others.
    pub(super) fn depended_on(&self, users: &[&str]) -> Fault {
        Fault::client(
            "ResourceDependencyException",
            format!(
                "Resource dependency error: The resource ARN '{self}' has other resources depended on it: '{}'.",
                users.join("', '")
            ),
        )
    }

    /// That the resource exists already.
    pub(super) fn exists(&self) -> Fault {
        Fault::client(
            "ResourceAlreadyExistsException",
            format!("The following resource '{}' already exists: '{self}'.", self.kind.title()),
        )
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:imagebuilder:{}:{}:{}/{}", self.region, self.account, self.kind.path(), self.name)?;
        if let Some(version) = &self.version {
            write!(f, "/{version}")?;
        }
        if let Some(build) = self.build {
            write!(f, "/{build}")?;
        }
        Ok(())
    }
}

impl Precision {
    fn shape(self) -> &'static str {
        match self {
            Self::Unversioned => "/NAME",
            Self::Pattern => "/NAME/1.2.3 (or with x)",
            Self::Version => "/NAME/1.2.3",
            Self::Build => "/NAME/1.2.3/1",
            Self::PatternOrBuild => "/NAME/1.2.3 (or with x) or /NAME/1.2.3/1",
        }
    }
}

/// A name as it stands in an ARN: names that differ in case, spaces or underscores only are the same name.
fn slug(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '_'], "-")
}

/// The newest of the resources that `wanted` means.
pub(super) fn newest<'a, T>(wanted: &Arn, resources: impl IntoIterator<Item = (&'a String, T)>) -> Option<(Arn, T)> {
    resources
        .into_iter()
        .filter_map(|(name, resource)| Some((Arn::parse(name)?, resource)))
        .filter(|(arn, _)| wanted.means(arn))
        .max_by_key(|(arn, _)| arn.age())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_and_build_that_a_pattern_means_is_found() {
        let arns = ["1.0.0/1", "1.2.0/1", "1.2.0/10", "1.2.0/9", "2.0.0/1"]
            .map(|version| format!("arn:aws:imagebuilder:r:000000000000:component/a/{version}"));
        let find = |version: &str| {
            let wanted = Arn::parse(&format!("arn:aws:imagebuilder:r:000000000000:component/a/{version}")).unwrap();
            newest(&wanted, arns.iter().map(|arn| (arn, ()))).map(|(arn, ())| arn.to_string())
        };
        assert_eq!(find("1.x.x"), Some(arns[2].clone()));
        assert_eq!(find("x.x.x"), Some(arns[4].clone()));
        assert_eq!(find("1.2.0/9"), Some(arns[3].clone()));
        assert_eq!(find("3.x.x"), None);
    }

    #[test]
    fn only_well_formed_names_are_read() {
        for bad in [
            "",
            "arn:aws:imagebuilder:r:000000000000:component/A/1.0.0",
            "arn:aws:imagebuilder:r:0:component/a/1.0.0",
            "arn:aws:imagebuilder:r:000000000000:component/a/1.x.0",
            "arn:aws:imagebuilder:r:000000000000:component/a/1.0.0/x",
            "arn:aws:imagebuilder:r:000000000000:component/a/1.0.0/1/2",
            "arn:aws:imagebuilder:r:000000000000:pipeline/a",
        ] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
    }
}
