//! `security.istio.io`.

use super::{MatchLabels, Rules};
use crate::text::{ConditionKey, Method};
use serde::{Deserialize, Serialize};

/// `AuthorizationPolicy`. <https://istio.io/latest/docs/reference/config/security/authorization-policy/>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizationPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<MatchLabels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<Rule>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Action {
    Allow,
    Deny,
    Audit,
    Custom,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Vec<To>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<Vec<Condition>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct To {
    operation: Operation,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<Method>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Condition {
    key: ConditionKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_values: Option<Vec<String>>,
}

impl Rules for AuthorizationPolicy {
    fn check(&self) -> Result<(), String> {
        for condition in self.rules.iter().flatten().flat_map(|rule| rule.when.iter().flatten()) {
            let lists = [&condition.values, &condition.not_values];
            if lists.iter().all(|list| list.as_ref().is_none_or(Vec::is_empty)) {
                return Err("at least one of values or notValues must be set".to_owned());
            }
        }
        Ok(())
    }
}
