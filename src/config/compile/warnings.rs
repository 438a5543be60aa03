//! What is allowed but hardly meant.

use std::collections::BTreeSet;

use crate::{
    config::{policy::WrittenPolicy, route::WrittenAction, wire::Written},
    policy::Audience,
};

/// In words for the operator.
pub(super) fn of(written: &Written) -> Vec<String> {
    let policies = written.policies.iter().flat_map(of_policy);
    let certificates = written.certificates.iter().filter_map(|(name, written)| {
        let further = written.certificate.as_ref()?.further();
        (further > 0).then(|| {
            format!("certificates.{name}.certificate holds {further} more: the first is used, the others are not read")
        })
    });
    policies.chain(certificates).chain(unused(written)).chain(left_open(written)).collect()
}

/// A last rule that asks for nothing, where rules before it ask: those match what they name, and no other spelling of it.
fn left_open(written: &Written) -> Option<String> {
    let rules = written.rules.as_ref()?;
    let asks = |(_, action): &(_, WrittenAction)| matches!(action, WrittenAction::Policy { .. });
    (rules.otherwise == WrittenAction::Anonymous && rules.rules.iter().any(asks)).then(|| {
        format!(
            "rules[{}] has `allow-anonymous`: what no rule before it matches passes without a token, such as a path in \
             another case or with a `/` at its end",
            rules.rules.len()
        )
    })
}

/// The members of `policies` that no rule leads to.
fn unused(written: &Written) -> Vec<String> {
    let Some(rules) = &written.rules else {
        return Vec::new();
    };
    let actions = rules.rules.iter().map(|(_, action)| action).chain([&rules.otherwise]);
    let mut used = BTreeSet::new();
    used.extend(actions.filter_map(|action| match action {
        WrittenAction::Anonymous => None,
        WrittenAction::Policy { name, .. } => Some(name.as_str()),
    }));
    for composite in &written.composites {
        if used.contains(composite.name.as_str()) {
            used.extend(composite.members.iter().map(|(_, name)| name.as_str()));
        }
    }
    let policies = written.policies.iter().map(|policy| policy.name.as_str());
    let composites = written.composites.iter().map(|composite| composite.name.as_str());
    policies
        .chain(composites)
        .filter(|name| !used.contains(name))
        .map(|name| format!("policies.{name} has no effect: no rule names it"))
        .collect()
}

fn of_policy(policy: &WrittenPolicy) -> Vec<String> {
    let path = &policy.path;
    let mut warnings = Vec::new();
    if policy.has_idle_scheme {
        warnings.push(format!(
            "{path}.require-scheme has no effect: the token is not in `Authorization`, where alone a scheme stands"
        ));
    }
    if policy.entra.is_none() && policy.audiences.is_none() && policy.required_claims.is_empty() {
        warnings.push(format!(
            "{path} has neither `audiences` nor `required-claims`: a token for any other API of the issuer passes"
        ));
    }
    if let Some(entra) = &policy.entra
        && policy.audiences.is_none()
        && entra.backend_applications.is_none()
    {
        let whose =
            if entra.client_applications.is_some() { "that a listed client got" } else { "of the tenant" };
        warnings.push(format!(
            "{path} has neither `audiences` nor `backend-application-ids`: a token {whose} for any other API passes"
        ));
    }
    if policy.entra.is_none()
        && policy.openid_config.is_empty()
        && policy.options.jwks.is_empty()
        && policy.issuers.is_none()
    {
        warnings.push(format!("{path} has neither `openid-config` nor `issuers`: the issuer is not checked"));
    }
    if !policy.require_signed {
        warnings.push(format!("{path}.require-signed-tokens is false: anybody can make a token that passes"));
    }
    let takes_host = |audience: &Audience| matches!(audience, Audience::RequestHost { .. });
    if policy.audiences.iter().flatten().any(takes_host) {
        warnings.push(format!(
            "{path}.audiences has `{{request-host}}`: let the proxy answer for your own hosts alone, or a caller chooses \
             the audience"
        ));
    }
    if policy.options.report_only {
        warnings.push(format!("{}.report-only is true: nothing is refused", policy.options.path));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{config::Configuration, time::Timestamp};

    #[test]
    fn certificates_that_are_past_or_many_are_told() {
        let one = include_str!("../../../tests/fixtures/certificates/rsa.pem");
        let chain = format!("{one}{}", include_str!("../../../tests/fixtures/certificates/p256.pem"));
        let configuration = json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "issuer-signing-keys": [{ "certificate-id": "one" }, { "certificate-id": "chain" }],
                "issuers": ["contoso.com"],
                "audiences": ["api"],
            },
            "certificates": { "one": { "certificate": one }, "chain": { "certificate": chain } },
        });
        let configuration = Configuration::parse(configuration.to_string().as_bytes(), &|_| None).unwrap();
        assert_eq!(
            configuration.warnings,
            ["certificates.chain.certificate holds 1 more: the first is used, the others are not read"]
        );
        let expired = |now| configuration.expired(Timestamp::from_secs(now)).collect::<Vec<_>>();
        assert!(expired(1_800_000_000).is_empty());
        assert_eq!(expired(2_426_045_585), ["chain", "one"], "a second after");
        assert!(expired(2_426_045_584).is_empty(), "in the last second");
    }
}
