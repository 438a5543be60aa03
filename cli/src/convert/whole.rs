//! From policies to a whole configuration, which the filter's own parser has to accept.

use std::collections::BTreeSet;

use validate_jwt::{config::Configuration, excerpt::Excerpt};

use super::{
    ConvertOptions, certificates::Certificates, clusters, node::Node, policy::Policy, report::Report,
};

/// The name of the policy that asks all others.
const ALL: &str = "all";

/// Puts the policies together: one stands by itself, several must all allow a request. `None` if the filter would not take
/// it, which `report` tells.
pub(super) fn configuration(
    policies: Vec<Policy>,
    options: &ConvertOptions,
    certificates: &Certificates,
    report: &mut Report,
) -> Option<String> {
    let at = policies.first()?.at;
    let urls: Vec<_> = policies.iter().flat_map(|policy| policy.urls.clone()).collect();
    let written = certificates.write(&options.certificates, report);
    if report.has_errors() {
        return None;
    }
    let mut members =
        if policies.len() == 1 { single(policies, report) } else { several(policies, at, report) };
    members.push(("certificates", written.node));
    // What is to be said of clusters can wait until the filter takes the rest.
    let mut of_clusters = Report::default();
    members.extend(clusters::members(&urls, options, &mut of_clusters));
    let root = Node::object(at, members);
    let mut json = serde_json::to_string_pretty(&root).ok()?;
    json.push('\n');
    let environment = |name: &str| written.environment.get(name).cloned();
    match Configuration::parse(json.as_bytes(), &environment) {
        Ok(configuration) => {
            report.append(of_clusters);
            for warning in configuration.warnings {
                let path = warning.split(' ').next().unwrap_or_default();
                report.warning(root.origin(path), warning.clone());
            }
            Some(json)
        }
        Err(error) => {
            report.error(root.origin(error.path()), format!("the filter does not take it: {error}"));
            None
        }
    }
}

type Members = Vec<(&'static str, Option<Node>)>;

fn single(policies: Vec<Policy>, report: &mut Report) -> Members {
    let member = |policy: Policy| {
        if policy.id.is_some() {
            report.note(policy.at, "`id` names the policy in API Management's traces, and is left out");
        }
        (policy.kind, Some(policy.node))
    };
    policies.into_iter().map(member).collect()
}

fn several(policies: Vec<Policy>, at: usize, report: &mut Report) -> Members {
    let mut taken = BTreeSet::from([ALL.to_owned(), "none".to_owned()]);
    let mut members = Vec::new();
    for (number, policy) in (1_usize..).zip(policies) {
        let name = name_of(&policy, number, &taken);
        if let Some(id) = policy.id.as_ref().filter(|id| **id != name) {
            report.warning(
                policy.at,
                format!(
                    "the `id` `{}` becomes `{name}`: the name of a policy has up to 63 letters, digits, `-` and `_`, is not `{ALL}` \
                     or `none`, and no other policy has it",
                    Excerpt(id)
                ),
            );
        }
        let node = Node::object(policy.at, [(policy.kind, Some(policy.node))]);
        members.push((name.clone(), node));
        taken.insert(name);
    }
    let names = members.iter().map(|(name, node)| Node::text(node.start(), name)).collect();
    let all = Node::object(at, [("all-of", Some(Node::list(at, names)))]);
    members.push((ALL.to_owned(), all));
    let nothing: [(&str, Option<Node>); 0] = [];
    let rule = [("match", Some(Node::object(at, nothing))), ("policy", Some(Node::text(at, ALL)))];
    vec![
        ("policies", Some(Node::object(at, members.into_iter().map(|(name, node)| (name, Some(node)))))),
        ("rules", Some(Node::list(at, vec![Node::object(at, rule)]))),
    ]
}

/// The policy's `id`, if it can be a name; else its kind and number.
fn name_of(policy: &Policy, number: usize, taken: &BTreeSet<String>) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_name =
        |id: &&String| (1..=63).contains(&id.len()) && id.bytes().all(is_plain) && !taken.contains(*id);
    let mut name =
        policy.id.as_ref().filter(is_name).cloned().unwrap_or_else(|| format!("{}-{number}", policy.kind));
    while taken.contains(&name) {
        name.push('_');
    }
    name
}
