use serde_json::{Value, json};

use super::*;
use crate::{
    keys::Waited,
    trial::{NOW, Signer, World, headers},
};

mod composites;
mod reports;
mod rules;

impl Rulebook {
    /// The policy of a configuration that has one.
    pub(crate) fn only(&self) -> Rc<Policy> {
        let mut demands = self.routes.actions();
        match (demands.next(), demands.next()) {
            (Some(Demand::Policy { requirement, .. }), None) if requirement.policies.len() == 1 => {
                Rc::clone(&requirement.policies[0])
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A decision in words: what, under which name, by whose refusal and why.
fn told(decision: &Decision<'_>) -> String {
    let refusal = |refused: &Refused<'_>| match refused.policy {
        Some((policy, _)) => format!("{} by {policy}", refused.denial.rejection.reason()),
        None => refused.denial.rejection.reason().to_string(),
    };
    let name = |policy: Option<&str>| policy.unwrap_or("nobody").to_owned();
    match decision {
        Decision::Allow { policy, passage: Passage::Validated(_) } => format!("{}: allowed", name(*policy)),
        Decision::Allow { policy, passage: Passage::Anonymous } => format!("{}: anonymous", name(*policy)),
        Decision::Allow { policy, passage: Passage::ReportOnly { refused, .. } } => {
            format!("{}: reported {}", name(*policy), refusal(refused))
        }
        Decision::Refuse { policy, refused } => format!("{}: refused {}", name(*policy), refusal(refused)),
        Decision::AwaitKeys { policy, otherwise, .. } => {
            format!("{policy}: waits, else {}", refusal(otherwise))
        }
    }
}

/// A policy of the provider `https://{host}`, which reads `header`.
fn policy(host: &str, header: &str) -> Value {
    json!({ "validate-jwt": {
        "header-name": header,
        "openid-config": [{ "url": format!("https://{host}/x") }],
    } })
}

/// These policies under these rules.
fn rulebook(policies: &Value, rules: &Value) -> Value {
    json!({ "policies": policies, "rules": rules, "default-cluster": "any" })
}

/// What every provider serves: itself as issuer, and the key of `signer`.
fn serve(url: &str, signer: &Signer) -> Option<Value> {
    let host = url.split('/').nth(2)?;
    Some(if url.ends_with("/keys") {
        json!({ "keys": [signer.jwk()] })
    } else {
        json!({ "issuer": format!("https://{host}"), "jwks_uri": format!("https://{host}/keys") })
    })
}

/// A world whose providers all answered, each with the key of `Signer::new(1)`.
fn world(configuration: &Value) -> World {
    let mut world = World::new(configuration);
    world.serve(|url| serve(url, &Signer::new(1)));
    world
}

/// A token of `https://{host}`.
fn token(host: &str) -> String {
    Signer::new(1).token(&json!({ "iss": format!("https://{host}"), "exp": NOW + 600 }))
}

fn expired(host: &str) -> String {
    Signer::new(1).token(&json!({ "iss": format!("https://{host}"), "exp": NOW }))
}

/// A token whose key only a refetch could bring.
fn of_unknown_key(host: &str) -> String {
    Signer::new(2).token(&json!({ "iss": format!("https://{host}"), "exp": NOW + 600 }))
}

/// What `world` tells a request with these headers.
fn decided(world: &World, pairs: &[(&str, &str)]) -> String {
    told(&world.decide(&headers(pairs), Waited::default()))
}
