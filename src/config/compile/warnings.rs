//! What is allowed but hardly meant.

use crate::{config::policy::WrittenPolicy, policy::Audience};

/// In words for the operator.
pub(super) fn of(policies: &[WrittenPolicy]) -> Vec<String> {
    policies.iter().flat_map(of_policy).collect()
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
