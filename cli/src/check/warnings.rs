//! What is allowed but hardly meant: the filter's own warnings, and those that only somebody with time to think can give. They
//! are about configurations that the filter takes, so what is written has the shape that it must have.

use super::Warning;
use super::remedies::of_filter;
use serde_json::{Map, Value};
use validate_jwt::config::Configuration;
use validate_jwt::issuer::{host_of, is_entra};
use validate_jwt::time::Timestamp;

/// Beyond this a skew is no difference of clocks, in seconds.
const PLAUSIBLE_SKEW: u64 = 300;

/// Every warning about `configuration`, which was made of `written`, at the time `now`.
pub(super) fn of(configuration: &Configuration, written: &Value, now: Timestamp) -> Vec<Warning> {
    let mut warnings: Vec<_> = configuration.warnings.iter().map(|line| of_filter(line)).collect();
    let expired = configuration.expired(now);
    warnings
        .extend(expired.map(|name| {
            of_filter(&format!("certificates.{name} has expired; its key is used all the same"))
        }));
    warnings.extend(of_secrets("", written));
    for policy in policies(written) {
        warnings.extend(of_policy(&policy));
    }
    warnings.extend(of_certificates(written));
    warnings.extend(of_fetch(written));
    warnings.extend(of_rules(written));
    warnings
}

fn warning(path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Warning {
    Warning { path: path.into(), problem: problem.into(), remedy: remedy.into() }
}

/// One policy as it is written, with what stands beside it.
struct Policy<'v> {
    path: String,
    is_entra: bool,
    members: &'v Map<String, Value>,
    options_path: String,
    options: Option<&'v Value>,
}

impl<'v> Policy<'v> {
    fn texts(&self, member: &str) -> Vec<&'v str> {
        texts(self.members.get(member))
    }

    fn urls(&self) -> Vec<&'v str> {
        let configs = self.members.get("openid-config").and_then(Value::as_array).into_iter().flatten();
        configs.filter_map(|config| config.get("url").and_then(Value::as_str)).collect()
    }

    fn required_claims(&self) -> impl Iterator<Item = (usize, &'v str, &'v Value)> {
        let claims = self.members.get("required-claims").and_then(Value::as_array).into_iter().flatten();
        claims
            .enumerate()
            .filter_map(|(index, claim)| Some((index, claim.get("name").and_then(Value::as_str)?, claim)))
    }
}

fn policies(written: &Value) -> Vec<Policy<'_>> {
    let mut found: Vec<_> = policy_in("", written).into_iter().collect();
    let named = written.get("policies").and_then(Value::as_object).into_iter().flatten();
    found.extend(named.filter_map(|(name, member)| policy_in(&format!("policies.{name}."), member)));
    found
}

fn policy_in<'v>(before: &str, member: &'v Value) -> Option<Policy<'v>> {
    ["validate-jwt", "validate-azure-ad-token"].into_iter().find_map(|kind| {
        Some(Policy {
            path: format!("{before}{kind}"),
            is_entra: kind == "validate-azure-ad-token",
            members: member.get(kind)?.as_object()?,
            options_path: format!("{before}options"),
            options: member.get("options"),
        })
    })
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Every secret that stands in the configuration itself: `value` of a key, `private-key` of a certificate.
fn of_secrets(path: &str, value: &Value) -> Vec<Warning> {
    let step = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("value" | "private-key", Value::String(_)) => vec![warning(
                    step(name),
                    "is a secret in clear text: whoever can read the proxy's configuration has it",
                    format!("name a variable of the VM's environment that holds it: `{name}-from-env`"),
                )],
                _ => of_secrets(&step(name), value),
            })
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .flat_map(|(index, element)| of_secrets(&format!("{path}[{index}]"), element))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn of_policy(policy: &Policy<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(audiences_of_no_token(policy));
    warnings.extend(audiences_of_templates(policy));
    warnings.extend(issuers_without_slash(policy));
    warnings.extend(required_claims(policy));
    let path = &policy.path;
    let skew = [
        (format!("{path}.clock-skew"), policy.members.get("clock-skew")),
        (
            format!("{}.clock-skew", policy.options_path),
            policy.options.and_then(|options| options.get("clock-skew")),
        ),
    ];
    for (path, value) in skew {
        if let Some(seconds) = value.and_then(Value::as_u64).filter(|seconds| *seconds > PLAUSIBLE_SKEW) {
            warnings.push(warning(
                path,
                format!("takes tokens for {seconds} s after they have expired"),
                "clocks that are set by the network differ by seconds: 60 is plenty, 300 the most",
            ));
        }
    }
    let any = policy.options.and_then(|options| options.get("allow-any-audience"));
    if any.and_then(Value::as_bool) == Some(true) {
        warnings.push(warning(
            format!("{}.allow-any-audience", policy.options_path),
            "lets a token in that is for any other API of the tenant",
            "name the API in `audiences` or `backend-application-ids`, and leave it out",
        ));
    }
    warnings
}

/// Whether the URL is that of a discovery document of Entra's, for tokens of version 2.
fn is_entra_version_2(url: &str) -> bool {
    host_of(url).is_some_and(|host| is_entra(&host)) && url.contains("/v2.0/")
}

/// The tenant in the URL of one of Entra's documents.
fn tenant(url: &str) -> Option<&str> {
    url.split('/').nth(3)
}

/// `api://…` under issuers of version 2 alone: a token of version 2 has the client id of the API in `aud`, and nothing else.
fn audiences_of_no_token(policy: &Policy<'_>) -> Option<Warning> {
    let (urls, audiences) = (policy.urls(), policy.texts("audiences"));
    let takes_version_2_only = !policy.is_entra
        && !urls.is_empty()
        && urls.iter().all(|url| is_entra_version_2(url))
        && policy.texts("issuers").iter().all(|issuer| issuer.ends_with("/v2.0"));
    let is_of_version_1 = |audience: &&str| audience.contains("://") && !audience.contains("{request-host}");
    let are_all = !audiences.is_empty() && audiences.iter().all(is_of_version_1);
    (takes_version_2_only && are_all).then(|| {
        let is_template = urls.iter().any(|url| matches!(tenant(url), Some("common" | "organizations")));
        let also = if is_template {
            ", and tokens of version 1 have another issuer than `common` and `organizations` publish"
        } else {
            ""
        };
        warning(
            format!("{}.audiences", policy.path),
            format!("no token can have these: one of version 2 has the API's client id (a GUID) in `aud`{also}"),
            "add the client id of the API; or, for tokens of version 1, their `openid-config` without `/v2.0`, too",
        )
    })
}

/// A template takes every tenant; an application ID URI says nothing of whose it is.
fn audiences_of_templates(policy: &Policy<'_>) -> Option<Warning> {
    let urls = policy.urls();
    let index = urls.iter().position(|url| {
        host_of(url).is_some_and(|host| is_entra(&host))
            && matches!(tenant(url), Some("common" | "organizations"))
    })?;
    let tells_tenant =
        policy.members.contains_key("issuers") || policy.required_claims().any(|(_, name, _)| name == "tid");
    (!policy.is_entra && !tells_tenant).then(|| {
        warning(
            format!("{}.openid-config[{index}].url", policy.path),
            "takes tokens of every tenant of Entra ID",
            "if that is not meant, put the tenant's id in the URL, list `issuers`, or require the claim `tid`",
        )
    })
}

/// An issuer of version 1 ends with a slash; without it no token has it, because issuers are compared exactly.
fn issuers_without_slash(policy: &Policy<'_>) -> Vec<Warning> {
    let issuers = policy.texts("issuers").into_iter().enumerate();
    issuers
        .filter(|(_, issuer)| {
            host_of(issuer).is_some_and(|host| host == "sts.windows.net") && !issuer.ends_with('/')
        })
        .map(|(index, issuer)| {
            warning(
                format!("{}.issuers[{index}]", policy.path),
                "no token has this: issuers of version 1 end with `/`, and are compared exactly",
                format!("write `{issuer}/`"),
            )
        })
        .collect()
}

/// Scopes are one string in the token; a list in one value of the policy is one value.
fn required_claims(policy: &Policy<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, name, claim) in policy.required_claims() {
        let path = format!("{}.required-claims[{index}]", policy.path);
        let values = texts(claim.get("values"));
        let separator = claim.get("separator").and_then(Value::as_str);
        if matches!(name, "scp" | "scope") && !values.is_empty() && separator.is_none() {
            warnings.push(warning(
                &path,
                format!("`{name}` is one string with blanks in it, and is compared as a whole"),
                r#"add `"separator": " "`"#,
            ));
        }
        for (position, value) in values.iter().enumerate() {
            let holds_separator = separator.is_some_and(|separator| value.contains(separator));
            if holds_separator || value.contains(',') {
                warnings.push(warning(
                    format!("{path}.values[{position}]"),
                    "looks like a list, and is one value: `separator` splits what is in the token, not this",
                    "write each value by itself",
                ));
            }
        }
        let is_customers = |url: &&str| {
            host_of(url)
                .is_some_and(|host| host.ends_with(".b2clogin.com") || host.ends_with(".ciamlogin.com"))
        };
        let urls = policy.urls();
        if matches!(name, "appid" | "roles" | "tid") && !urls.is_empty() && urls.iter().all(is_customers) {
            warnings.push(warning(
                &path,
                format!("tokens of B2C and External ID have no `{name}` unless it was added"),
                "require `azp` for the calling application, `tfp` for the user flow, `scp` for what it may do",
            ));
        }
    }
    warnings
}

/// Certificates that nothing refers to.
fn of_certificates(written: &Value) -> Vec<Warning> {
    let mut used = Vec::new();
    certificate_ids(written, &mut used);
    let named = written.get("certificates").and_then(Value::as_object).into_iter().flatten();
    named
        .filter(|(name, _)| !used.contains(&name.as_str()))
        .map(|(name, _)| {
            warning(
                format!("certificates.{name}"),
                "is used by no policy: no `certificate-id` names it",
                "remove it, or name it in `issuer-signing-keys` or `decryption-keys`",
            )
        })
        .collect()
}

fn certificate_ids<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("certificate-id").and_then(Value::as_str));
            members.values().for_each(|value| certificate_ids(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| certificate_ids(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn of_fetch(written: &Value) -> Option<Warning> {
    let allows = written.get("fetch")?.get("allow-http")?.as_bool()?;
    allows.then(|| {
        warning(
            "fetch.allow-http",
            "keys may be fetched without TLS: who is on the way can put in their own",
            "leave it out, and write `https://`; it is for tests",
        )
    })
}

fn of_rules(written: &Value) -> Vec<Warning> {
    let rules = written.get("rules").and_then(Value::as_array).into_iter().flatten().enumerate();
    rules
        .filter(|(_, rule)| rule.get("allow-missing").and_then(Value::as_bool) == Some(true))
        .map(|(index, _)| {
            warning(
                format!("rules[{index}].allow-missing"),
                "a request without a token passes",
                "have the backend treat a request without identity headers as anonymous; else leave it out",
            )
        })
        .collect()
}
