//! What can be written in a configuration, read into types that still say where each thing stood.

use std::collections::BTreeMap;

use super::{
    ConfigError, Environment,
    fetch::{self, Fetch},
    keys::{self, KeySources, WrittenCertificate},
    policy::{self, WrittenPolicy},
    reader::{Members, Node},
    route::{self, WrittenRules},
};
use crate::{
    decision::{NO_POLICY, Quorum},
    json::Json,
    token_cache::MAX_TOKEN_CACHE_BYTES,
};

/// The whole configuration.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) policies: Vec<WrittenPolicy>,
    pub(super) composites: Vec<WrittenComposite>,
    /// `None` for a single policy, which is asked of every request.
    pub(super) rules: Option<WrittenRules>,
    pub(super) allow_cors_preflight: bool,
    pub(super) certificates: BTreeMap<String, WrittenCertificate>,
    pub(super) clusters: BTreeMap<String, String>,
    pub(super) default_cluster: Option<String>,
    pub(super) fetch: Fetch,
    pub(super) token_cache_bytes: u32,
}

/// A member of `policies` that is made of others.
#[derive(Debug)]
pub(super) struct WrittenComposite {
    pub(super) name: String,
    pub(super) quorum: Quorum,
    /// The names of single policies, and where each stands.
    pub(super) members: Vec<(String, String)>,
}

/// The most members of `policies`.
const MAX_POLICIES: usize = 256;

/// The most policies of an `any-of` or `all-of`: each reads the token, and may verify it, for itself.
const MAX_MEMBERS: usize = 16;

/// What stands beside the policies.
const BESIDE: [&str; 6] =
    ["clusters", "default-cluster", "fetch", "token-cache", "certificates", "allow-cors-preflight"];

/// `token-cache.max-bytes` where it is not said: some three thousand tokens.
const TOKEN_CACHE_BYTES: u32 = 4_194_304;

pub(super) fn read(json: &Json<'_>, environment: Environment<'_>) -> Result<Written, ConfigError> {
    let root = Node::root(json);
    let has = |name| matches!(json, Json::Object(members) if members.contains_key(name));
    let has_policies = has("policies") || has("rules");
    let known: Vec<_> = if has_policies {
        ["policies", "rules"].as_slice()
    } else {
        ["validate-jwt", "validate-azure-ad-token", "options"].as_slice()
    }
    .iter()
    .chain(&BESIDE)
    .copied()
    .collect();
    let refused: &[_] = if has_policies {
        &[
            (
                "options",
                "belongs to a single policy; write it beside the policy, as a member of `policies.<name>`",
            ),
            (
                "validate-jwt",
                "stands beside `policies`; give it a name there, as `policies.<name>.validate-jwt`",
            ),
            (
                "validate-azure-ad-token",
                "stands beside `policies`; give it a name there, as `policies.<name>.validate-azure-ad-token`",
            ),
        ]
    } else {
        &[]
    };
    let members = root.members(&known, refused)?;
    let certificates =
        members.read("certificates", |node| keys::read_certificates(&node, environment))?.unwrap_or_default();
    let sources = KeySources { environment, certificates: &certificates };
    let (policies, composites, rules) = if has_policies {
        let (policies, composites) = read_policies(&members.require("policies")?, sources)?;
        let rules = route::read(&members.require("rules")?)?;
        (policies, composites, Some(rules))
    } else {
        (vec![policy::read(None, &members, sources)?], Vec::new(), None)
    };
    Ok(Written {
        policies,
        composites,
        rules,
        allow_cors_preflight: members.read("allow-cors-preflight", |node| node.flag())?.unwrap_or(false),
        certificates,
        clusters: members.read("clusters", |node| fetch::read_clusters(&node))?.unwrap_or_default(),
        default_cluster: members.read("default-cluster", |node| fetch::read_default_cluster(&node))?,
        fetch: members.read("fetch", |node| fetch::read_fetch(&node))?.unwrap_or_default(),
        token_cache_bytes: members
            .read("token-cache", |node| read_token_cache(&node))?
            .unwrap_or(TOKEN_CACHE_BYTES),
    })
}

/// `token-cache`; nothing in it is nothing said, and most likely a mistake.
fn read_token_cache(node: &Node<'_>) -> Result<u32, ConfigError> {
    let members = node.members(&["max-bytes"], &[])?;
    members.require("max-bytes")?.integer(0..=MAX_TOKEN_CACHE_BYTES, "bytes")
}

type Policies = (Vec<WrittenPolicy>, Vec<WrittenComposite>);

fn read_policies(node: &Node<'_>, sources: KeySources<'_>) -> Result<Policies, ConfigError> {
    let (mut policies, mut composites) = (Vec::new(), Vec::new());
    let entries = node.entries()?;
    if entries.is_empty() {
        return Err(node.error("is empty; name at least one policy"));
    }
    for (name, entry) in entries {
        entry.check_name(name)?;
        if name == NO_POLICY {
            return Err(
                entry.error("is how requests are counted for which no policy is asked; choose another name")
            );
        }
        let members = entry
            .members(&["validate-jwt", "validate-azure-ad-token", "options", "any-of", "all-of"], &[])?;
        match read_composite(name, &entry, &members)? {
            Some(composite) => composites.push(composite),
            None if entry.object("a policy")?.is_empty() => {
                return Err(entry
                    .error("is empty; add `validate-jwt`, `validate-azure-ad-token`, `any-of` or `all-of`"));
            }
            None => policies.push(policy::read(Some(name), &members, sources)?),
        }
        if policies.len().saturating_add(composites.len()) > MAX_POLICIES {
            return Err(entry.error(format!("is one too many; at most {MAX_POLICIES} policies are allowed")));
        }
    }
    Ok((policies, composites))
}

fn read_composite(
    name: &str,
    entry: &Node<'_>,
    members: &Members<'_>,
) -> Result<Option<WrittenComposite>, ConfigError> {
    let (quorum, list) = match (members.get("any-of"), members.get("all-of")) {
        (Some(list), None) => (Quorum::Any, list),
        (None, Some(list)) => (Quorum::All, list),
        (Some(_), Some(_)) => return Err(entry.error("has both `any-of` and `all-of`; name each by itself")),
        (None, None) => return Ok(None),
    };
    if let Some(other) = ["validate-jwt", "validate-azure-ad-token", "options"]
        .into_iter()
        .find_map(|other| members.get(other))
    {
        return Err(other.error("cannot stand beside `any-of` or `all-of`, which name other policies"));
    }
    let nodes = list.list(r#"[ "one", "other" ]"#)?;
    if nodes.len() < 2 {
        return Err(list.error("names a single policy; name two or more, or use that policy itself"));
    }
    if let Some(beyond) = nodes.get(MAX_MEMBERS) {
        return Err(
            beyond.error(format!("is one too many; at most {MAX_MEMBERS} are asked about one request"))
        );
    }
    let members = nodes
        .iter()
        .map(|node| Ok((node.path().to_owned(), node.text()?.to_owned())))
        .collect::<Result<_, ConfigError>>()?;
    Ok(Some(WrittenComposite { name: name.to_owned(), quorum, members }))
}
