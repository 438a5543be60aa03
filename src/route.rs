//! Which rule decides about a request: the first whose `match` holds.

mod path;
mod pattern;

pub use path::{Ambiguous, RequestPath};
pub use pattern::{Extent, HostPattern, PathPattern, PatternFault};

use crate::{ordered::ordered, request::RequestHead};

/// The methods of RFC 9110 §9.3 and RFC 5789.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// What a rule wants of a request (`match`); all of it must hold, and the default wants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matcher {
    path: Option<PathPattern>,
    methods: Vec<String>,
    hosts: Vec<HostPattern>,
}

/// What rules look at in a request; what none looks at is empty.
#[derive(Clone, Copy)]
struct Target<'t> {
    path: &'t str,
    folded: &'t str,
    method: &'t [u8],
    host: &'t str,
}

impl Matcher {
    /// A matcher of a path, one of the methods (compared exactly), and one of the hosts; an empty list takes any.
    pub fn new(path: Option<PathPattern>, methods: Vec<String>, hosts: Vec<HostPattern>) -> Self {
        // In order, so that the same rule written twice is the same.
        Self { path, methods: ordered(methods), hosts: ordered(hosts) }
    }

    /// Whether every request matches: `match: {}`.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every request that `other` matches matches this one, too, as far as two of their words can tell.
    pub fn covers(&self, other: &Self) -> bool {
        let has_path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(_), None) => false,
        };
        let is_listed = |method| self.methods.contains(method);
        let has_host = |host| self.hosts.iter().any(|own| own.covers(host));
        has_path
            && (self.methods.is_empty() || !other.methods.is_empty() && other.methods.iter().all(is_listed))
            && (self.hosts.is_empty() || !other.hosts.is_empty() && other.hosts.iter().all(has_host))
    }

    fn matches(&self, target: Target<'_>) -> bool {
        let Target { path, folded, method, host } = target;
        self.path.as_ref().is_none_or(|pattern| pattern.matches(path, folded))
            && (self.methods.is_empty() || self.methods.iter().any(|known| known.as_bytes() == method))
            && (self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host)))
    }
}

/// Rules with what they lead to, and what the rest of the requests leads to: none is left undecided.
#[derive(Clone, Debug)]
pub struct Routes<A> {
    rules: Vec<(Matcher, A)>,
    otherwise: A,
    looks_at_path: bool,
    looks_at_host: bool,
    ignores_case: bool,
}

impl<A> Routes<A> {
    /// Rules in the order in which they are tried, and what the last one, `match: {}`, leads to.
    pub fn new(rules: Vec<(Matcher, A)>, otherwise: A) -> Self {
        let any = |holds: fn(&Matcher) -> bool| rules.iter().any(|(matcher, _)| holds(matcher));
        Self {
            looks_at_path: any(|matcher| matcher.path.is_some()),
            looks_at_host: any(|matcher| !matcher.hosts.is_empty()),
            ignores_case: any(|matcher| matcher.path.as_ref().is_some_and(PathPattern::ignores_case)),
            rules,
            otherwise,
        }
    }

    /// What the first rule that matches the request leads to.
    ///
    /// Fails when some rule looks at the path, and the request's can be read in more than one way: rule and backend might take
    /// it for different ones. The same goes for the host: a backend may take `a.example:x`, `a.example..` or what a proxy joins of
    /// two hosts for `a.example`, and such a request must not escape the rule for it; nor may `post` escape the rule for `POST`.
    pub fn choose(&self, head: RequestHead<'_>) -> Result<&A, Ambiguous> {
        if self.is_unconditional() {
            return Ok(&self.otherwise);
        }
        let path =
            self.looks_at_path.then(|| RequestPath::read(head.path().unwrap_or_default())).transpose()?;
        let path = path.as_ref().map(RequestPath::as_str).unwrap_or_default();
        let read_host = || head.host().filter(|host| pattern::is_host(host)).ok_or(Ambiguous::Host);
        let host = self.looks_at_host.then(read_host).transpose()?;
        let method = head.method().unwrap_or_default();
        let find = |method, folded: &str| {
            let target = Target { path, folded, method, host: host.as_deref().unwrap_or_default() };
            self.rules.iter().position(|(matcher, _)| matcher.matches(target))
        };
        let folded = self.ignores_case.then(|| path::Folded::new(path));
        let (narrow, broad) =
            folded.as_ref().map_or(("", ""), |folded| (folded.narrow.as_str(), folded.broad.as_str()));
        let index = find(method, narrow);
        // Who reads the method otherwise may read the path otherwise, too.
        let known = misspelt_method(method).map_or(method, str::as_bytes);
        if narrow != broad && [method, known].into_iter().any(|method| find(method, broad) != index) {
            return Err(Ambiguous::Case);
        }
        if known != method && find(known, narrow) != index {
            return Err(Ambiguous::Method);
        }
        let rule = index.and_then(|index| self.rules.get(index));
        Ok(rule.map_or(&self.otherwise, |(_, action)| action))
    }

    /// Whether every request leads to the same.
    pub fn is_unconditional(&self) -> bool {
        self.rules.is_empty()
    }

    /// Everything that a request may lead to, in the order of the rules.
    pub fn actions(&self) -> impl Iterator<Item = &A> {
        self.rules.iter().map(|(_, action)| action).chain([&self.otherwise])
    }
}

/// The method that this one is in another case. It is another method (RFC 9110 §9.1), which nobody sends, but HTTP/2 carries it,
/// and many frameworks take it for the known one.
pub fn misspelt_method(method: &[u8]) -> Option<&'static str> {
    METHODS
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(method) && known.as_bytes() != method)
}

/// Whether a request asks, on behalf of a script, what another request may do (Fetch §3.2.2 "CORS-preflight request"), which
/// browsers send without a token: `OPTIONS` with one `Origin` and one `Access-Control-Request-Method`.
pub fn is_cors_preflight(head: RequestHead<'_>) -> bool {
    let is_there_once = |name| {
        let mut values = head.values(name);
        values.next().is_some_and(|value| !value.trim_ascii().is_empty()) && values.next().is_none()
    };
    head.method() == Some(b"OPTIONS")
        && is_there_once("origin")
        && is_there_once("access-control-request-method")
}

#[cfg(test)]
mod tests;
