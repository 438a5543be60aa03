//! What the end-to-end tests stand on: a real Envoy, a real OpenID provider, a scripted one for faults, an upstream,
//! and a client that speaks bytes.

pub(crate) mod access_log;
pub(crate) mod artifacts;
pub(crate) mod authority;
pub(crate) mod bootstrap;
pub(crate) mod claims;
pub(crate) mod deadline;
pub(crate) mod envoy;
pub(crate) mod http2_client;
pub(crate) mod http_client;
pub(crate) mod http_message;
pub(crate) mod http_server;
pub(crate) mod identity_provider;
pub(crate) mod jwe;
pub(crate) mod light_and_dark;
pub(crate) mod manifests;
pub(crate) mod mortal_module;
pub(crate) mod openid_provider;
pub(crate) mod prometheus;
pub(crate) mod rows;
pub(crate) mod scratch;
pub(crate) mod secrets;
pub(crate) mod shipped;
pub(crate) mod upstream;
pub(crate) mod verdict;
pub(crate) mod xds;
