//! What an administrator has to make before a team can bake and launch: a `CloudFormation` template with nothing more than is needed.

mod policy;

use minijinja::{Value, context};

pub use self::policy::{Account, Statement, statements};

use crate::environment::{ElasticIp, Environment};
use crate::error::{Failure, internal};
use crate::recipe::Recipe;
use crate::template;

/// A role of instances, under the name of their instance profile.
struct Role<'a> {
    name: &'a str,
    bakes: bool,
    serves: bool,
}

/// The template for one environment of a recipe.
pub fn template(recipe: &Recipe, environment: &Environment) -> Result<String, Failure> {
    let render = || {
        let roles: Vec<Value> = roles(environment).iter().map(Role::as_value).collect();
        let regions = recipe.distribution.regions.iter().filter(|region| **region != environment.region);
        let variables = context! {
            service => recipe.service.as_str(),
            regions => regions.cloned().collect::<Vec<_>>(),
            accounts => &recipe.distribution.accounts,
            owner => &environment.image_owner,
            key => key(recipe),
            environment => environment.name.as_str(),
            region => &environment.region,
            bucket => &environment.bucket,
            allocate => environment.address == ElasticIp::Allocate,
            security_groups => &environment.security_groups,
            roles => roles,
        };
        template::environment()?.render_str(include_str!("setup/template.yaml"), variables)
    };
    render().map_err(|error| internal("failed to write the template").source(error))
}

/// What a policy says of the recipe's own key; nothing where there is none. The account's default key asks for no permission.
fn key(recipe: &Recipe) -> Option<Value> {
    let key = recipe.volume.encryption.as_ref()?.named()?;
    let (is_arn, is_alias) = (key.starts_with("arn:"), key.starts_with("alias/"));
    Some(context! {
        arn => is_arn.then_some(key),
        resource => if is_alias { "key/*".to_owned() } else { format!("key/{key}") },
        alias => is_alias.then_some(key),
    })
}

/// One role where the instances that bake and those that serve share a profile.
fn roles(environment: &Environment) -> Vec<Role<'_>> {
    let build = environment.build.instance_profile.as_str();
    match environment.instance_profile.as_deref() {
        Some(name) if name == build => vec![Role { name, bakes: true, serves: true }],
        serving => {
            let serving = serving.map(|name| Role { name, bakes: false, serves: true });
            [Role { name: build, bakes: true, serves: false }].into_iter().chain(serving).collect()
        }
    }
}

impl Role<'_> {
    fn as_value(&self) -> Value {
        let (id, what) = match (self.bakes, self.serves) {
            (true, false) => ("Build", "bake"),
            (false, _) => ("Service", "serve"),
            (true, true) => ("Instance", "bake and serve"),
        };
        context! { id => id, name => self.name, what => what, bakes => self.bakes, serves => self.serves }
    }
}
