//! The plugin configuration: JSON with APIM's own words, read strictly, then compiled.
//!
//! Two steps, two sets of types: [`wire`] is what can be written, [`Configuration`] what is applied. Whatever is wrong is told
//! with its JSON path and what would be right; nothing is ignored.

mod azure_ad;
mod compile;
mod fetch;
mod forward;
mod keys;
mod options;
mod policy;
mod reader;
mod route;
mod source;
mod structure;
mod wire;

use std::{fmt, time::Duration};

use crate::{
    decision::Rulebook,
    forward::Strip,
    json::{Json, JsonError},
    keys::ProviderSettings,
    time::Timestamp,
};

/// A configuration longer than this is refused unread.
pub const MAX_CONFIGURATION_BYTES: usize = 1_048_576;

/// U+FEFF in UTF-8, which some editors put before a text, and no JSON has (RFC 8259 §8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The variables of the VM's environment, by name: the `…-from-env` twins are read from it.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A compiled plugin configuration.
#[derive(Debug)]
pub struct Configuration {
    /// Which policy decides about which request.
    pub rulebook: Rulebook,
    /// The headers that are taken out of every request that is let through.
    pub strip: Strip,
    /// The OpenID configurations that it names, in the order of their ids.
    pub providers: Vec<ProviderSettings>,
    /// `fetch.timeout`.
    pub timeout: Duration,
    /// `fetch.max-response-bytes`.
    pub max_response_bytes: usize,
    /// `fetch.max-waiting-requests`.
    pub max_waiting: usize,
    /// `token-cache.max-bytes`.
    pub token_cache_bytes: usize,
    /// What is allowed but hardly meant, in words for the operator.
    pub warnings: Vec<String>,
    /// The names of `certificates`, and when each expires.
    pub expiries: Vec<(String, Timestamp)>,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    problem: String,
}

impl ConfigError {
    fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// Where it is: the path of a member (`validate-jwt.audiences[0]`), empty for the whole.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "configuration" } else { &self.path };
        write!(f, "{path}: {}", self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl Configuration {
    /// Reads and compiles a configuration: JSON text, or the bytes of a `google.protobuf.Struct`.
    pub fn parse(text: &[u8], environment: Environment<'_>) -> Result<Self, ConfigError> {
        if text.is_empty() {
            return Err(ConfigError::new("", "is empty; expected a JSON object with `validate-jwt`"));
        }
        if text.len() > MAX_CONFIGURATION_BYTES {
            return Err(ConfigError::new("", format!("is longer than {MAX_CONFIGURATION_BYTES} bytes")));
        }
        // Good JSON is taken as such; a `Struct` is never good JSON, since its entries hold control characters.
        let json = Json::parse(text).or_else(|error| {
            structure::parse(text).ok_or_else(|| match error {
                _ if text.starts_with(BYTE_ORDER_MARK) => {
                    ConfigError::new("", "begins with a byte order mark; save it as UTF-8 without")
                }
                JsonError::DuplicateMember { path } => ConfigError::new(path, "is there twice; remove one"),
                JsonError::NotUtf8 | JsonError::Syntax { .. } | JsonError::TooDeep => {
                    ConfigError::new("", format!("{error}; expected JSON in a StringValue, or a Struct"))
                }
            })
        })?;
        compile::compile(wire::read(&json, environment)?)
    }

    /// The names of the certificates that have expired. They are used all the same, as in APIM: the configuration vouches for
    /// their keys.
    pub fn expired(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.expiries.iter().filter(move |(_, expiry)| *expiry < now).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests;
