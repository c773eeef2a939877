//! The operators' policies of the template, as calls that can be tried.

use serde_yaml::Value;

use crate::environment::Environment;
use crate::error::{Failure, internal};
use crate::recipe::Recipe;

/// The account that `CloudFormation` fills in.
#[derive(Debug, Clone)]
pub struct Account {
    pub partition: String,
    pub region: String,
    pub id: String,
}

/// A statement that allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Such as `ec2:RunInstances`.
    pub actions: Vec<String>,
    /// ARNs, which may have `*` in them.
    pub resources: Vec<String>,
    /// What a request has to have: the key of a condition and a value that satisfies it.
    pub conditions: Vec<(String, String)>,
}

impl Statement {
    /// Whether a variable of the policy stands in it, so that only the call itself tells.
    pub fn depends_on_caller(&self) -> bool {
        self.resources.iter().any(|resource| resource.contains("${"))
    }
}

/// What operators are allowed.
pub fn statements(recipe: &Recipe, environment: &Environment, account: &Account) -> Result<Vec<Statement>, Failure> {
    let unreadable = || internal("the template of `veris setup` has no operators' policies that can be read");
    let template: Value =
        serde_yaml::from_str(&super::template(recipe, environment)?).map_err(|error| unreadable().source(error))?;
    let resources = &template["Resources"];
    let policy = |name: &str| resources[name]["Properties"]["PolicyDocument"]["Statement"].as_sequence();
    let filled = |value: &Value| fill(value, resources, account);
    let statement = |statement: &Value| {
        let mut conditions = Vec::new();
        for (_, keys) in statement["Condition"].as_mapping().into_iter().flatten() {
            for (key, value) in keys.as_mapping().into_iter().flatten() {
                // One of several values will do.
                conditions.push((key.as_str()?.to_owned(), list(value).first().and_then(|value| filled(value))?));
            }
        }
        Some(Statement {
            actions: list(&statement["Action"]).into_iter().map(filled).collect::<Option<_>>()?,
            resources: list(&statement["Resource"]).into_iter().map(filled).collect::<Option<_>>()?,
            conditions,
        })
    };
    let operators = policy("OperatorPolicy").ok_or_else(unreadable)?.iter();
    let bakers = policy("BakePolicy").ok_or_else(unreadable)?;
    // There is none where images stay where they are baked.
    let elsewhere = policy("DistributionPolicy").into_iter().flatten();
    operators.chain(bakers).chain(elsewhere).map(statement).collect::<Option<_>>().ok_or_else(unreadable)
}

/// A value that stands alone is a list of one.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Sequence(values) => values.iter().collect(),
        one => vec![one],
    }
}

/// What `CloudFormation` makes of a text, of `!Sub` and of `!GetAtt NAME.Arn`.
fn fill(value: &Value, resources: &Value, account: &Account) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Tagged(tagged) => {
            let text = tagged.value.as_str()?;
            if tagged.tag == "GetAtt" { arn(text, resources, account) } else { substitute(text, resources, account) }
        }
        _ => None,
    }
}

/// `${NAME}` for each parameter of the account and each ARN; `${!NAME}` is a variable of the policy, `${NAME}`.
fn substitute(text: &str, resources: &Value, account: &Account) -> Option<String> {
    let mut rest = text;
    let mut filled = String::new();
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}')?;
        filled.push_str(before);
        let value = match name {
            variable if variable.starts_with('!') => format!("${{{}}}", &variable[1..]),
            "AWS::Partition" => account.partition.clone(),
            "AWS::Region" => account.region.clone(),
            "AWS::AccountId" => account.id.clone(),
            other => arn(other, resources, account)?,
        };
        filled.push_str(&value);
        rest = behind;
    }
    Some(filled + rest)
}

/// The ARN of a bucket or a role of the template, of `Bucket.Arn`.
fn arn(attribute: &str, resources: &Value, Account { partition, id, .. }: &Account) -> Option<String> {
    let properties = &resources[attribute.strip_suffix(".Arn")?]["Properties"];
    if let Some(name) = properties["BucketName"].as_str() {
        return Some(format!("arn:{partition}:s3:::{name}"));
    }
    properties["RoleName"].as_str().map(|name| format!("arn:{partition}:iam::{id}:role/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Distribution, EncryptionKey};

    /// IAM's limit of a managed policy, in characters without white space.
    const LONGEST: usize = 6144;

    /// The document as IAM gets it.
    fn plain(value: &Value, resources: &Value, account: &Account) -> serde_json::Value {
        let plain = |value| plain(value, resources, account);
        match value {
            Value::Sequence(values) => values.iter().map(plain).collect(),
            Value::Mapping(entries) => {
                entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), plain(value))).collect()
            }
            other => fill(other, resources, account).into(),
        }
    }

    #[test]
    fn no_policy_is_longer_than_iam_allows() {
        let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut recipe = Recipe::load(project, &project.join("recipes/veris-chat.yaml")).unwrap();
        let regions = ["us-west-2", "eu-central-1", "ap-southeast-1"].map(str::to_owned).to_vec();
        recipe.distribution = Distribution { regions, accounts: vec!["111122223333".to_owned()] };
        recipe.volume.encryption = Some(EncryptionKey::Named("alias/veris".to_owned()));
        let (partition, region) = ("aws".to_owned(), "ap-southeast-2".to_owned());
        let account = Account { partition, region, id: "000000000000".to_owned() };
        let prod = recipe.environment(&"prod".parse().unwrap()).unwrap();
        let template: Value = serde_yaml::from_str(&super::super::template(&recipe, prod).unwrap()).unwrap();
        let resources = &template["Resources"];
        for name in ["OperatorPolicy", "BakePolicy", "DistributionPolicy"] {
            let document = plain(&resources[name]["Properties"]["PolicyDocument"], resources, &account).to_string();
            let length = document.chars().filter(|c| !c.is_whitespace()).count();
            assert!(document.contains("arn:aws:") && length <= LONGEST, "{name} has {length} characters");
        }
    }

    #[test]
    fn every_statement_of_the_template_is_understood() {
        let account =
            Account { partition: "aws".to_owned(), region: "ap-southeast-2".to_owned(), id: "000000000000".to_owned() };
        let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut recipe = Recipe::load(project, &project.join("recipes/veris-chat.yaml")).unwrap();
        recipe.service = "chat".parse().unwrap();
        let all = statements(&recipe, &Environment::local(), &account).unwrap();
        let of = |action: &str| {
            let its: Vec<&Statement> = all.iter().filter(|it| it.actions.iter().any(|it| it == action)).collect();
            its.into_iter().map(|it| format!("{} {:?}", it.resources.join(" "), it.conditions)).collect::<Vec<_>>()
        };
        assert_eq!(of("s3:PutObject"), ["arn:aws:s3:::veris-local/chat/* []"]);
        assert_eq!(
            of("iam:PassRole"),
            [
                "arn:aws:iam::000000000000:role/local-instance-profile [(\"iam:PassedToService\", \"ec2.amazonaws.com\")]"
            ]
        );
        assert_eq!(of("ec2:RunInstances").len(), 3);
        assert_eq!(of("ssm:TerminateSession"), ["arn:aws:ssm:ap-southeast-2:000000000000:session/${aws:userid}-* []"]);
        let of_callers = all.iter().filter(|statement| statement.depends_on_caller());
        assert_eq!(of_callers.count(), 1);

        let regions = vec!["us-west-2".to_owned()];
        recipe.distribution = Distribution { regions, accounts: vec!["111122223333".to_owned()] };
        recipe.volume.encryption = Some(EncryptionKey::Named("alias/veris".to_owned()));
        let more = statements(&recipe, &Environment::local(), &account).unwrap();
        let added: Vec<String> = more[all.len()..].iter().flat_map(|statement| statement.actions.clone()).collect();
        for action in ["ec2:CopyImage", "ec2:ModifyImageAttribute", "ssm:PutParameter", "kms:CreateGrant"] {
            assert!(added.iter().any(|added| added == action), "{action} is not among {added:?}");
        }
    }
}
