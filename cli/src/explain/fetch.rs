//! Fetching documents from identity providers, within the filter's own limits.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use validate_jwt::keys::{FetchFault, Response};

/// An answer, or what went wrong with what the library says of it.
pub(super) type Answer = Result<Response, (FetchFault, String)>;

/// So many are asked at once, so that a few that do not answer hold nobody for long.
const AT_ONCE: usize = 16;

/// What lies at each of `urls`, of whatever status: no redirect is followed, as the filter follows none. Fails when this machine
/// trusts nobody.
pub(super) fn get_all(urls: &[String], timeout: Duration, limit: usize) -> Result<Vec<Answer>, String> {
    let agent = agent(timeout, urls.iter().any(|url| url.starts_with("https:")))?;
    let mut answers = Vec::new();
    for some in urls.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let agent = &agent;
            let asked: Vec<_> =
                some.iter().map(|url| scope.spawn(move || get(agent, url, timeout, limit))).collect();
            let broken = |_| Err((FetchFault::Broken, "not fetched".to_owned()));
            answers.extend(asked.into_iter().map(|answer| answer.join().unwrap_or_else(broken)));
        });
    }
    Ok(answers)
}

/// What lies at `url`. The time counts for the whole answer, as in the proxy: the library's own counts for each read, and a server
/// that sends a byte now and then would hold it for ever.
fn get(agent: &Agent, url: &str, timeout: Duration, limit: usize) -> Answer {
    let late = || (FetchFault::TimedOut, format!("no whole answer within {timeout:?}"));
    let (answers, answered) = mpsc::channel();
    let (agent, asked) = (agent.clone(), url.to_owned());
    // It ends with the process at the latest.
    thread::spawn(move || answers.send(exchange(&agent, &asked, limit)));
    let answer = answered.recv_timeout(timeout).map_err(|_| late())?;
    answer.map_err(|error| {
        if matches!(error, ureq::Error::Timeout(_)) {
            return late();
        }
        let is_too_long = matches!(error, ureq::Error::BodyExceedsLimit(_));
        let fault = if is_too_long { FetchFault::TooLarge } else { FetchFault::Broken };
        (fault, error.to_string())
    })
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
