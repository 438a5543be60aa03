//! What is compared: ways to check a token in Envoy, and what shows what is under them.

use crate::{
    bootstrap::{Listener, openid_config, policy, with_provider},
    tokens::{AUDIENCE, Keys},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Keys in the provider's set: those that sign, and another.
const KEYS: usize = 4;

/// A listener of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// No filter: what all others are measured from.
    Plain,
    /// Envoy's own filter, as it is by default.
    JwtAuthn,
    /// The same with its cache of tokens.
    JwtAuthnCache,
    /// This filter.
    Filter,
    /// A wasm filter that does nothing.
    EmptyWasm,
    /// A wasm filter that reads the header with the token.
    HeaderWasm,
    /// Another service is asked about each request.
    ExtAuthz,
}

impl Contestant {
    pub(crate) const ALL: [Self; 7] = [
        Self::Plain,
        Self::JwtAuthn,
        Self::JwtAuthnCache,
        Self::Filter,
        Self::EmptyWasm,
        Self::HeaderWasm,
        Self::ExtAuthz,
    ];

    /// The name of its listener.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::JwtAuthn => "jwt-authn",
            Self::JwtAuthnCache => "jwt-authn-cache",
            Self::Filter => "filter",
            Self::EmptyWasm => "empty-wasm",
            Self::HeaderWasm => "header-wasm",
            Self::ExtAuthz => "ext-authz",
        }
    }

    /// What tables call it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Plain => "no filter",
            Self::JwtAuthn => "jwt_authn",
            Self::JwtAuthnCache => "jwt_authn, token cache",
            Self::Filter => "validate-jwt",
            Self::EmptyWasm => "empty wasm filter",
            Self::HeaderWasm => "wasm, reads the header",
            Self::ExtAuthz => "ext_authz service",
        }
    }

    /// Whether it looks at tokens.
    pub(crate) const fn verifies(self) -> bool {
        match self {
            Self::JwtAuthn | Self::JwtAuthnCache | Self::Filter | Self::ExtAuthz => true,
            Self::Plain | Self::EmptyWasm | Self::HeaderWasm => false,
        }
    }

    /// Its listener.
    pub(crate) fn listener(self, keys: &Keys, filter: &Path, floor: &Path) -> Listener {
        let name = self.name();
        match self {
            Self::Plain => Listener::plain(name),
            Self::JwtAuthn => Listener::jwt_authn(name, &keys.key_set(), false),
            Self::JwtAuthnCache => Listener::jwt_authn(name, &keys.key_set(), true),
            Self::Filter => {
                let configuration = with_provider(policy(AUDIENCE, &[openid_config(0, KEYS)]));
                Listener::wasm(name, filter, &configuration.to_string())
            }
            Self::EmptyWasm => Listener::wasm(name, floor, ""),
            Self::HeaderWasm => Listener::wasm(name, floor, "authorization"),
            Self::ExtAuthz => Listener::ext_authz(name),
        }
    }
}

/// How a listener is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    /// One token over and over.
    Hot,
    /// A token that was never seen before with each request.
    Cold,
}

impl Load {
    pub(crate) const ALL: [Self; 2] = [Self::Hot, Self::Cold];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
        }
    }
}
