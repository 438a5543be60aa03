//! One request to an identity provider, its answer, and all the ways it can go wrong.

use std::fmt;

use super::ProviderId;
use crate::{
    discovery::{Discovery, DiscoveryError},
    excerpt::Excerpt,
    issuer,
    jwk::KeySetError,
    url::{Scheme, Url},
};

/// A request to send: `GET`, to this cluster of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Whose.
    pub provider: ProviderId,
    /// The proxy's name for where to send it.
    pub cluster: String,
    /// What to fetch.
    pub url: Url,
    /// Tells this fetch from an earlier one whose answer comes late.
    pub(super) serial: u64,
}

/// The proxy's answer to a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why a fetch has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// The proxy did not take the request: it does not know the cluster, or the cluster has no endpoint.
    NotSent,
    /// The connection broke, the answer was cut off, or it was too large for the proxy.
    Broken,
    /// The body is larger than `max-response-bytes`; it was not read.
    TooLarge,
    /// The proxy did not answer within the timeout and a second's grace.
    TimedOut,
}

/// Why a fetch brought no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No answer.
    Fault {
        /// What was fetched.
        url: Url,
        /// By which cluster.
        cluster: String,
        /// Why.
        fault: FetchFault,
    },
    /// An answer, but not with status 200.
    Status {
        /// What was fetched.
        url: Url,
        /// By which cluster.
        cluster: String,
        /// The status.
        status: u16,
    },
    /// The discovery document is unusable.
    Discovery(DiscoveryError),
    /// The discovery document names an `http` URL for the keys.
    InsecureJwksUri(Url),
    /// The discovery document names keys on a host that may not be called.
    ForeignJwksUri(Url),
    /// The discovery document names an issuer on the host of another configuration.
    ForeignIssuer(String),
    /// The key set is unusable.
    KeySet(KeySetError),
}

impl FetchError {
    /// One word for it, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fault { fault: FetchFault::NotSent, .. } => "NotSent",
            Self::Fault { fault: FetchFault::Broken, .. } => "Broken",
            Self::Fault { fault: FetchFault::TooLarge, .. } => "TooLarge",
            Self::Fault { fault: FetchFault::TimedOut, .. } => "TimedOut",
            Self::Status { .. } => "Status",
            Self::Discovery(_) => "Discovery",
            Self::InsecureJwksUri(_) | Self::ForeignJwksUri(_) => "JwksUri",
            Self::ForeignIssuer(_) => "Issuer",
            Self::KeySet(_) => "KeySet",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { url, cluster, fault } => {
                write!(f, "{} by cluster `{}`: ", Excerpt(&url.to_string()), cluster.escape_debug())?;
                f.write_str(match fault {
                    FetchFault::NotSent => {
                        "the proxy does not know the cluster, or it has no healthy endpoint"
                    }
                    FetchFault::Broken => "no whole answer (connection broken or timed out)",
                    FetchFault::TooLarge => "the answer is larger than fetch.max-response-bytes",
                    FetchFault::TimedOut => "no answer within fetch.timeout",
                })
            }
            Self::Status { url, cluster, status } => {
                write!(
                    f,
                    "{} by cluster `{}`: status {status}, not 200",
                    Excerpt(&url.to_string()),
                    cluster.escape_debug()
                )?;
                // Not the provider's word: a proxy says so of a host that it cannot reach.
                f.write_str(match status {
                    502..=504 => " (the proxy's own when it cannot connect, or gets no answer in time)",
                    _ => "",
                })
            }
            Self::Discovery(error) => write!(f, "{error}"),
            Self::InsecureJwksUri(url) => {
                write!(f, "`jwks_uri` {} is not https (fetch.allow-http is off)", Excerpt(&url.to_string()))
            }
            Self::ForeignJwksUri(url) => write!(
                f,
                "`jwks_uri` is on host {}, which is neither the configuration's nor named in `clusters`",
                Excerpt(url.host())
            ),
            Self::ForeignIssuer(issuer) => {
                write!(
                    f,
                    "issuer `{}` lies, or may lie, on the host of another openid-config",
                    Excerpt(issuer)
                )
            }
            Self::KeySet(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for FetchError {}

/// What a provider may answer.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `max-response-bytes`.
    pub max_response_bytes: usize,
    /// `allow-http`: whether a `jwks_uri` may be `http`.
    pub allow_http: bool,
    /// Hosts of the other OpenID configurations, on which this one may name no issuer.
    pub foreign_hosts: Vec<String>,
}

impl Limits {
    /// The body of a good answer.
    pub(super) fn body(
        &self,
        fetch: &Fetch,
        response: Result<Response, FetchFault>,
    ) -> Result<Vec<u8>, FetchError> {
        let fault =
            |fault| FetchError::Fault { url: fetch.url.clone(), cluster: fetch.cluster.clone(), fault };
        let response = response.map_err(fault)?;
        if response.status != 200 {
            let (url, cluster) = (fetch.url.clone(), fetch.cluster.clone());
            return Err(FetchError::Status { url, cluster, status: response.status });
        }
        if response.body.len() > self.max_response_bytes {
            return Err(fault(FetchFault::TooLarge));
        }
        Ok(response.body)
    }

    /// The discovery document of a good answer from `own_host`.
    pub(super) fn discovery(&self, document: &[u8], own_host: &str) -> Result<Discovery, FetchError> {
        let discovery = Discovery::parse(document).map_err(FetchError::Discovery)?;
        if discovery.jwks_uri.scheme() == Scheme::Http && !self.allow_http {
            return Err(FetchError::InsecureJwksUri(discovery.jwks_uri));
        }
        // Its own host is never foreign, whatever else is named: two Entra clouds share the host of v1 issuers.
        let is_foreign = discovery.issuer.host().is_some_and(|host| {
            !issuer::is_same_authority(&host, own_host)
                && self.foreign_hosts.iter().any(|foreign| issuer::is_same_authority(&host, foreign))
        });
        let is_foreign = is_foreign || discovery.issuer.has_open_host();
        if is_foreign {
            return Err(FetchError::ForeignIssuer(discovery.issuer.as_str().to_owned()));
        }
        Ok(discovery)
    }
}
