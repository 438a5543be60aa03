//! The rules of a configuration, and the policies that they name.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    config::{
        ConfigError,
        route::WrittenAction,
        wire::{Written, WrittenComposite},
    },
    decision::{Demand, Quorum, Requirement, Rulebook},
    forward,
    jwe::DecryptionKey,
    policy::Policy,
    route::Routes,
};

type Requirements = BTreeMap<String, Rc<Requirement>>;

pub(super) fn compile(written: &mut Written, policies: &[Rc<Policy>]) -> Result<Rulebook, ConfigError> {
    let mut requirements = Requirements::new();
    for policy in policies {
        let requirement =
            Requirement { name: policy.name.clone(), quorum: Quorum::All, policies: vec![Rc::clone(policy)] };
        requirements.insert(policy.name.clone(), Rc::new(requirement));
    }
    let composites = written
        .composites
        .iter()
        .map(|composite| Ok((composite.name.clone(), Rc::new(compose(composite, &requirements)?))))
        .collect::<Result<Vec<_>, ConfigError>>()?;
    requirements.extend(composites);
    let demand = |action| match action {
        WrittenAction::Anonymous => Ok(Demand::Nothing),
        WrittenAction::Policy { path, name, allow_missing } => {
            let requirement = requirements.get(&name).map(Rc::clone).ok_or_else(|| {
                ConfigError::new(
                    path,
                    format!("is not a member of `policies`; expected {}", names(&requirements)),
                )
            })?;
            Ok(Demand::Policy { requirement, allow_missing })
        }
    };
    let routes = match (written.rules.take(), requirements.values().next()) {
        (Some(rules), _) => {
            let routes = rules
                .rules
                .into_iter()
                .map(|(matcher, action)| Ok((matcher, demand(action)?)))
                .collect::<Result<_, ConfigError>>()?;
            Routes::new(routes, demand(rules.otherwise)?)
        }
        (None, Some(only)) => {
            let demand = Demand::Policy { requirement: Rc::clone(only), allow_missing: false };
            Routes::new(Vec::new(), demand)
        }
        (None, None) => return Err(ConfigError::new("", "has no policy")),
    };
    Ok(Rulebook { routes, allow_cors_preflight: written.allow_cors_preflight })
}

/// An `any-of` or `all-of`: single policies, each once, that can decide together.
fn compose(composite: &WrittenComposite, single: &Requirements) -> Result<Requirement, ConfigError> {
    let mut policies: Vec<Rc<Policy>> = Vec::new();
    for (path, name) in &composite.members {
        let error = |problem: String| Err(ConfigError::new(path.clone(), problem));
        let Some(policy) = single.get(name).and_then(|requirement| requirement.policies.first()) else {
            return error(format!("is not a single policy of `policies`; expected one of {}", names(single)));
        };
        if policies.iter().any(|earlier| Rc::ptr_eq(earlier, policy)) {
            return error("is there twice; remove one".to_owned());
        }
        if policy.report_only {
            return error("is `report-only`, and a composite needs verdicts; give that option up or take the policy out".to_owned());
        }
        if composite.quorum == Quorum::All
            && let Some(both) = policies.iter().find_map(|earlier| written_by_both(earlier, policy))
        {
            return error(format!(
                "writes {both}, as a policy before it does; in an `all-of` each writes its own"
            ));
        }
        if composite.quorum == Quorum::All
            && policies.iter().any(|earlier| need_two_operations(earlier, policy))
        {
            return error(
                "decrypts with a private key what stands at another place than a policy before it does; a request has one \
                 such operation, so that two encrypted tokens would never pass"
                    .to_owned(),
            );
        }
        policies.push(Rc::clone(policy));
    }
    Ok(Requirement { name: composite.name.clone(), quorum: composite.quorum, policies })
}

/// Whether two policies may each want a private key for a token of its own.
fn need_two_operations(one: &Policy, other: &Policy) -> bool {
    let decrypts = |policy: &Policy| policy.decryption_keys.iter().any(DecryptionKey::is_rsa);
    one.source != other.source && decrypts(one) && decrypts(other)
}

/// What both policies would write.
fn written_by_both(one: &Policy, other: &Policy) -> Option<String> {
    let variable = one.output_variable.as_ref().filter(|name| other.output_variable.as_ref() == Some(name));
    let header = one
        .forward
        .header_names()
        .find(|name| other.forward.header_names().any(|known| forward::is_same_header(name, known)));
    header
        .map(|name| format!("the header `{name}`"))
        .or_else(|| variable.map(|name| format!("the variable `{name}`")))
}

fn names(requirements: &Requirements) -> String {
    let quoted: Vec<_> = requirements.keys().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
