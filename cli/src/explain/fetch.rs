//! Fetching documents from identity providers, within the filter's own limits.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use validate_jwt::keys::{FetchFault, Response};

/// What lies at `url`, of whatever status: no redirect is followed, as the filter follows none. A fault is told with what the
/// library says of it. The time counts for the whole answer, as in the proxy: the library's own counts for each read, and a server
/// that sends a byte now and then would hold it for ever. Fails when this machine trusts nobody.
pub(super) fn get(
    url: &str,
    timeout: Duration,
    limit: usize,
) -> Result<Result<Response, (FetchFault, String)>, String> {
    let agent = agent(timeout, url.starts_with("https:"))?;
    let late = || format!("no whole answer within {timeout:?}");
    let (answers, answered) = mpsc::channel();
    let asked = url.to_owned();
    // It ends with the process at the latest.
    thread::spawn(move || answers.send(exchange(&agent, &asked, limit)));
    let answer = match answered.recv_timeout(timeout) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            return Ok(Err((FetchFault::TimedOut, late())));
        }
    };
    Ok(answer.map_err(|error| {
        if matches!(error, ureq::Error::Timeout(_)) {
            return (FetchFault::TimedOut, late());
        }
        let kind = if matches!(error, ureq::Error::BodyExceedsLimit(_)) {
            FetchFault::TooLarge
        } else {
            FetchFault::Broken
        };
        (kind, error.to_string())
    }))
}

fn exchange(agent: &Agent, url: &str, limit: usize) -> Result<Response, ureq::Error> {
    let mut answer = agent.get(url).call()?;
    let status = answer.status().as_u16();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let body = answer.body_mut().with_config().limit(limit).read_to_vec()?;
    Ok(Response { status, body })
}

fn agent(timeout: Duration, is_tls: bool) -> Result<Agent, String> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("validate-jwt/", env!("CARGO_PKG_VERSION")));
    if !is_tls {
        return Ok(config.build().into());
    }
    // What this machine trusts, so that a company's own authority counts.
    let trusted = rustls_native_certs::load_native_certs();
    let certificates: Vec<_> =
        trusted.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if certificates.is_empty() {
        return Err(
            "this machine trusts no certificate authority: install `ca-certificates`, or set SSL_CERT_FILE"
                .to_owned(),
        );
    }
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .build();
    Ok(config.tls_config(tls).build().into())
}
