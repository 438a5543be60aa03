//! `rules`: which policy decides about which requests.

use std::collections::BTreeMap;

use super::{
    ConfigError,
    reader::{Members, Node, is_http_token},
};
use crate::route::{self, Ambiguous, Extent, HostPattern, Matcher, PathPattern, PatternFault};

/// The most `rules`: they are tried one by one.
const MAX_RULES: usize = 2048;

/// `rules`: each of them but the last one, and what that one, `match: {}`, leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenRules {
    pub(super) rules: Vec<(Matcher, WrittenAction)>,
    pub(super) otherwise: WrittenAction,
}

/// What a rule leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WrittenAction {
    /// `allow-anonymous`: the request passes without a look at a token.
    Anonymous,
    /// `policy`
    Policy {
        /// Where the name stands.
        path: String,
        /// The name; that there is such a policy is not known here.
        name: String,
        /// `allow-missing`: whether a request without a token passes.
        allow_missing: bool,
    },
}

struct Rule {
    path: String,
    matcher: Matcher,
    action: WrittenAction,
}

/// Reads rules none of which is in vain, and which leave no request undecided.
pub(super) fn read(node: &Node<'_>) -> Result<WrittenRules, ConfigError> {
    let nodes = node.list(r#"[ { "match": { }, "policy": "…" } ]"#)?;
    if let Some(beyond) = nodes.get(MAX_RULES) {
        return Err(beyond.error(format!("is one too many; at most {MAX_RULES} are allowed")));
    }
    let mut rules = nodes.iter().map(read_rule).collect::<Result<Vec<_>, _>>()?;
    refuse_unreachable(&rules)?;
    match rules.pop() {
        Some(last) if last.matcher.is_any() => Ok(WrittenRules {
            rules: rules.into_iter().map(|rule| (rule.matcher, rule.action)).collect(),
            otherwise: last.action,
        }),
        Some(_) | None => Err(node.error(
            "leaves requests undecided that no rule matches; end it with a rule that has `\"match\": {}`",
        )),
    }
}

fn refuse_unreachable(rules: &[Rule]) -> Result<(), ConfigError> {
    let mut earlier = BTreeMap::new();
    let mut last = None;
    for (index, Rule { path, matcher, .. }) in rules.iter().enumerate() {
        if let Some(last) = last {
            return Err(ConfigError::new(
                path,
                format!("is never reached, since `{last}` matches every request; put it before that rule"),
            ));
        }
        if let Some(first) = earlier.insert(matcher, path) {
            return Err(ConfigError::new(
                path,
                format!(
                    "matches the same requests as `{first}`, which decides about them; remove one of the two"
                ),
            ));
        }
        if let Some(broader) = rules.iter().take(index).find(|earlier| earlier.matcher.covers(matcher)) {
            return Err(ConfigError::new(
                path,
                format!(
                    "is never reached, since `{}` matches all that it does; put it before that rule",
                    broader.path
                ),
            ));
        }
        last = matcher.is_any().then_some(path);
    }
    Ok(())
}

fn read_rule(node: &Node<'_>) -> Result<Rule, ConfigError> {
    let members = node.members(&["match", "policy", "allow-anonymous", "allow-missing"], &[])?;
    Ok(Rule {
        path: node.path().to_owned(),
        matcher: read_match(&members.require("match")?)?,
        action: read_action(node, &members)?,
    })
}

fn read_action(node: &Node<'_>, members: &Members<'_>) -> Result<WrittenAction, ConfigError> {
    let anonymous = members.get("allow-anonymous");
    if let Some(anonymous) = &anonymous
        && !anonymous.flag()?
    {
        return Err(anonymous.error("is false, as it is without being said; remove it and name a `policy`"));
    }
    let missing = members.get("allow-missing");
    match (members.get("policy"), anonymous) {
        (Some(policy), None) => Ok(WrittenAction::Policy {
            path: policy.path().to_owned(),
            name: policy.name()?.to_owned(),
            allow_missing: missing.map_or(Ok(false), |node| node.flag())?,
        }),
        (None, Some(_)) => {
            match missing {
                None => Ok(WrittenAction::Anonymous),
                Some(missing) => Err(missing
                    .error("says nothing beside `allow-anonymous`, which looks at no token; remove it")),
            }
        }
        (None, None) => {
            Err(node.error("says nothing of what to do; add `policy`, or `\"allow-anonymous\": true`"))
        }
        (Some(_), Some(_)) => {
            Err(node.error("has both `policy` and `allow-anonymous`; remove one of the two"))
        }
    }
}

fn read_match(node: &Node<'_>) -> Result<Matcher, ConfigError> {
    let members = node.members(&["path", "path-prefix", "ignore-case", "methods", "hosts"], &[])?;
    let path = read_path(node, &members)?;
    let methods = members.read("methods", |node| {
        node.list(r#"[ "GET" ]"#)?.iter().map(read_method).collect::<Result<_, _>>()
    })?;
    let hosts = members.read("hosts", |node| {
        node.list(r#"[ "api.example.com" ]"#)?.iter().map(read_host).collect::<Result<_, _>>()
    })?;
    Ok(Matcher::new(path, methods.unwrap_or_default(), hosts.unwrap_or_default()))
}

fn read_path(node: &Node<'_>, members: &Members<'_>) -> Result<Option<PathPattern>, ConfigError> {
    let case = members.get("ignore-case");
    let (path, extent) = match (members.get("path"), members.get("path-prefix")) {
        (Some(path), None) => (path, Extent::Exact),
        (None, Some(prefix)) => (prefix, Extent::Prefix),
        (Some(_), Some(_)) => {
            return Err(node.error("has both `path` and `path-prefix`; remove one of the two"));
        }
        (None, None) => {
            return match case {
                None => Ok(None),
                Some(flag) => {
                    Err(flag.error("says nothing without `path` or `path-prefix`; remove it, or add one"))
                }
            };
        }
    };
    let ignores_case = case.map_or(Ok(false), |node| node.flag())?;
    let text = path.literal()?;
    if text.contains('*') {
        return Err(path.error(
            "has a `*`, which stands for nothing but itself; use `path-prefix`, or write `%2A` where the path has one",
        ));
    }
    let pattern = PathPattern::new(&text, extent, ignores_case).map_err(|fault| {
        let remedy = match fault {
            PatternFault::Ambiguous(Ambiguous::NotAbsolute) => "expected a path such as `/orders`",
            PatternFault::Ambiguous(_) => {
                "requests with such a path are refused, and the rule would match none"
            }
            PatternFault::NotPathAlone => {
                "rules compare the path alone; write `%3F` or `%23` where it has one"
            }
            PatternFault::Case => "remove `ignore-case`, and write a rule for each spelling",
        };
        path.error(format!("{fault}; {remedy}"))
    })?;
    Ok(Some(pattern))
}

fn read_method(node: &Node<'_>) -> Result<String, ConfigError> {
    let method = node.text()?;
    if !is_http_token(method) {
        return Err(node.error("is not the name of a method, such as `GET`"));
    }
    match route::misspelt_method(method.as_bytes()) {
        Some(known) => {
            Err(node.error(format!("is not how the method is written, and case counts; write `{known}`")))
        }
        None => Ok(method.to_owned()),
    }
}

fn read_host(node: &Node<'_>) -> Result<HostPattern, ConfigError> {
    let text = node.text()?;
    HostPattern::parse(text).ok_or_else(|| {
        node.error(
            "is not a host; expected a name in lower case without port, such as `api.example.com`, or \
             `*.example.com` for all below it",
        )
    })
}

#[cfg(test)]
mod tests;
