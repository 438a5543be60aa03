//! What a rule may say of a path and of a host.

use std::fmt;

use super::path::{Ambiguous, Folded, RequestPath};
use crate::url;

/// How much of a path a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// All of it (`path`).
    Exact,
    /// Whole segments at its beginning (`path-prefix`).
    Prefix,
}

/// `path` or `path-prefix` of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {
    /// Decoded; folded when case is ignored; of a prefix without the final `/`.
    text: String,
    extent: Extent,
    ignores_case: bool,
}

/// Why text cannot be a rule's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternFault {
    /// No request with this path would get as far as the rules.
    Ambiguous(Ambiguous),
    /// It has a `?` or `#`, which no path has unencoded.
    NotPathAlone,
    /// Case is to be ignored, and those who do so do not agree on a letter of it.
    Case,
}

impl PathPattern {
    /// A pattern of a path, which may be percent-encoded; `ignores_case` also takes paths in another case.
    pub fn new(text: &str, extent: Extent, ignores_case: bool) -> Result<Self, PatternFault> {
        if text.contains(['?', '#']) {
            return Err(PatternFault::NotPathAlone);
        }
        let path = RequestPath::read(text.as_bytes()).map_err(PatternFault::Ambiguous)?;
        let path = path.as_str();
        let path = match extent {
            Extent::Exact => path,
            Extent::Prefix => path.strip_suffix('/').unwrap_or(path),
        };
        let text = if ignores_case {
            let folded = Folded::new(path);
            if !folded.is_unequivocal() {
                return Err(PatternFault::Case);
            }
            folded.narrow
        } else {
            path.to_owned()
        };
        Ok(Self { text, extent, ignores_case })
    }

    /// Whether it means every path that `other` does.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_as_broad = match (self.extent, other.extent) {
            (Extent::Exact, Extent::Prefix) => false,
            (Extent::Exact, Extent::Exact) | (Extent::Prefix, _) => self.ignores_case || !other.ignores_case,
        };
        let is_beneath = match (self.ignores_case, other.ignores_case) {
            (true, false) => self.matches("", &Folded::new(&other.text).narrow),
            (true, true) | (false, _) => self.matches(&other.text, &other.text),
        };
        is_as_broad && is_beneath
    }

    pub(super) fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// Whether a decoded path is meant, which is given as it is and folded.
    pub(super) fn matches(&self, path: &str, folded: &str) -> bool {
        let rest = if self.ignores_case { folded } else { path }.strip_prefix(&*self.text);
        rest.is_some_and(|rest| match self.extent {
            Extent::Exact => rest.is_empty(),
            Extent::Prefix => rest.is_empty() || rest.starts_with('/'),
        })
    }
}

/// One of `hosts` of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// This name or address.
    Exact(String),
    /// The names that end with this, which begins with a dot, and have something before it.
    Subdomains(String),
}

impl HostPattern {
    /// Reads a name or address in lower case, without port and final dot, or `*.` and a name; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if !is_host(name) {
            return None;
        }
        match text.strip_prefix('*') {
            None => Some(Self::Exact(text.to_owned())),
            Some(suffix) => (!name.starts_with('[')).then(|| Self::Subdomains(suffix.to_owned())),
        }
    }

    /// Whether it means every host that `other` does.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Exact(_), Self::Subdomains(_)) => false,
            (Self::Subdomains(own), Self::Subdomains(suffix)) => suffix.ends_with(&**own),
        }
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Subdomains(suffix) => host.strip_suffix(&**suffix).is_some_and(|below| !below.is_empty()),
        }
    }
}

/// Whether `text` is a name or an address, in lower case, without port and final dot.
pub(super) fn is_host(text: &str) -> bool {
    url::parse_authority(text).is_ok_and(|(host, port)| host == text && port.is_none())
        && text.split('.').all(|label| !label.is_empty())
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(fault) => write!(f, "{fault}"),
            Self::NotPathAlone => write!(f, "has a `?` or `#`"),
            Self::Case => write!(f, "has a letter whose other case is not the same to all who ignore case"),
        }
    }
}
