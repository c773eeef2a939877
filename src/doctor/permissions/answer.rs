//! What IAM answers to a simulation.

use serde::Deserialize;

use crate::aws::signed::Answer;

pub(super) const NOBODY: &str = "nobody's permission";
pub(super) const POLICY: &str = "a policy";

/// What came of the question.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Decided(Vec<Decision>),
    /// Whoever asks may not ask.
    Denied(String),
    /// IAM knows no answer; its code and message.
    Nothing(String),
}

/// What would become of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) action: String,
    /// `allowed`, `implicitDeny` or `explicitDeny`.
    pub(super) verdict: String,
    /// Whether the organisation's policies allow it, where the account is in one.
    pub(super) organisation: Option<bool>,
    /// Whether the principal's boundary allows it, where it has one.
    pub(super) boundary: Option<bool>,
}

impl Decision {
    /// Who denies it; `None` where it is allowed.
    pub(super) fn denier(&self) -> Option<&'static str> {
        match (self.verdict.as_str(), self.organisation, self.boundary) {
            ("allowed", ..) => None,
            (_, Some(false), _) => Some("an organisation's policy"),
            (_, _, Some(false)) => Some("the permissions boundary"),
            ("explicitDeny", ..) => Some(POLICY),
            _ => Some(NOBODY),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    simulate_principal_policy_result: Simulation,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simulation {
    evaluation_results: Members,
}

#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    member: Vec<Evaluation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Evaluation {
    eval_action_name: String,
    eval_decision: String,
    organizations_decision_detail: Option<Organisation>,
    permissions_boundary_decision_detail: Option<Boundary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Organisation {
    allowed_by_organizations: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    allowed_by_permissions_boundary: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorResponse {
    error: Refusal,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

pub(super) fn read(answer: &Answer) -> Said {
    if answer.is_good() {
        return match quick_xml::de::from_str::<Response>(&answer.body) {
            Ok(response) => {
                let members = response.simulate_principal_policy_result.evaluation_results.member;
                Said::Decided(members.into_iter().map(Evaluation::decision).collect())
            }
            Err(error) => Said::Nothing(format!("its answer cannot be read: {error}")),
        };
    }
    match quick_xml::de::from_str::<ErrorResponse>(&answer.body) {
        Ok(ErrorResponse { error }) if error.code.starts_with("AccessDenied") => Said::Denied(error.message),
        Ok(ErrorResponse { error }) => Said::Nothing(format!("{}: {}", error.code, error.message)),
        Err(_) => Said::Nothing(format!("status {}", answer.status)),
    }
}

impl Evaluation {
    fn decision(self) -> Decision {
        Decision {
            action: self.eval_action_name,
            verdict: self.eval_decision,
            organisation: self.organizations_decision_detail.map(|detail| detail.allowed_by_organizations),
            boundary: self.permissions_boundary_decision_detail.map(|detail| detail.allowed_by_permissions_boundary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned(), date: None }
    }

    #[test]
    fn an_organisations_denial_is_told_from_a_missing_permission() {
        let body = "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
            <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>\
            <member><MatchedStatements/><MissingContextValues/><EvalResourceName>*</EvalResourceName>\
            <EvalDecision>explicitDeny</EvalDecision><EvalActionName>ec2:RunInstances</EvalActionName>\
            <OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail></member>\
            <member><EvalDecision>implicitDeny</EvalDecision><EvalActionName>s3:PutObject</EvalActionName></member>\
            </EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
            </SimulatePrincipalPolicyResponse>";
        let Said::Decided(decisions) = read(&answer(200, body)) else { panic!("nothing was decided") };
        assert_eq!(decisions[0].denier(), Some("an organisation's policy"));
        assert_eq!((decisions[1].action.as_str(), decisions[1].denier()), ("s3:PutObject", Some(NOBODY)));
    }

    #[test]
    fn who_may_not_ask_is_told_from_a_question_without_an_answer() {
        let refused = |code: &str| {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
            );
            read(&answer(403, &body))
        };
        assert_eq!(refused("AccessDenied"), Said::Denied("no".to_owned()));
        assert_eq!(refused("NoSuchEntity"), Said::Nothing("NoSuchEntity: no".to_owned()));
        assert_eq!(read(&answer(500, "moto")), Said::Nothing("status 500".to_owned()));
    }
}
