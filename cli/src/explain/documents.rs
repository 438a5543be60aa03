//! What identity providers publish: from a file, or from the network.

use super::fetch::{self, Answer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use validate_jwt::keys::{Action, FetchError, FetchFault, Fetched, KeyStore, Response, Waited};
use validate_jwt::time::Timestamp;

/// Who answers the filter's fetches.
#[derive(Debug)]
pub(super) enum Publisher {
    /// Nobody: nothing is known of keys.
    Nobody,
    /// The documents of a file.
    File(Documents),
    /// The identity providers themselves.
    Network,
}

impl Publisher {
    /// What lies at each of `urls`. Fails when nothing can be fetched from this machine.
    fn answers(&self, urls: &[String], (timeout, limit): (Duration, usize)) -> Result<Vec<Answer>, String> {
        match self {
            Self::Nobody => {
                Ok(urls.iter().map(|_| Err((FetchFault::NotSent, "not fetched".to_owned()))).collect())
            }
            Self::File(documents) => Ok(urls
                .iter()
                .map(|url| {
                    let absent = || (FetchFault::NotSent, "--keys has nothing there".to_owned());
                    let document = documents.at(url).ok_or_else(absent)?;
                    Ok(Response { status: 200, body: document.to_string().into_bytes() })
                })
                .collect()),
            Self::Network => fetch::get_all(urls, timeout, limit),
        }
    }
}

/// The documents of a file.
#[derive(Debug)]
pub(super) enum Documents {
    /// By their URLs.
    ByUrl(Map<String, Value>),
    /// The keys of every provider.
    KeySet(Value),
}

/// The path under which a key set lies that a made-up discovery document leads to.
const MADE_UP_KEYS: &str = "/keys-of-the-command-line";

/// What ends a URL of a discovery document (OpenID Connect Discovery §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

impl Documents {
    /// Reads `--keys`: a JWK set, or an object of URLs and documents.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        const EXPECTED: &str =
            "--keys: expected a JWK set, or an object of URLs and the documents that lie there";
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("{EXPECTED}: {error}"))?;
        match value {
            Value::Object(members) if members.get("keys").is_some_and(Value::is_array) => {
                Ok(Self::KeySet(Value::Object(members)))
            }
            Value::Object(members) if members.keys().all(|name| name.contains("://")) => {
                Ok(Self::ByUrl(members))
            }
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(EXPECTED.to_owned()),
        }
    }

    /// What lies at `url`; `None` where the file has nothing.
    fn at(&self, url: &str) -> Option<Value> {
        match self {
            Self::ByUrl(documents) => documents.get(url).cloned(),
            Self::KeySet(keys) => Some(match url.split_once(WELL_KNOWN) {
                None => keys.clone(),
                Some((issuer, _)) => {
                    let origin: Vec<_> = url.splitn(4, '/').take(3).collect();
                    let template =
                        issuer.replace("/common/", "/{tenantid}/").replace("/organizations/", "/{tenantid}/");
                    json!({ "issuer": template, "jwks_uri": format!("{}{MADE_UP_KEYS}", origin.join("/")) })
                }
            }),
        }
    }
}

/// How the fetch of one provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyReport {
    /// The URL of its discovery document or key set.
    pub(super) url: String,
    /// How many keys there are, or what is wrong.
    pub(super) result: Result<usize, String>,
    /// What is to be kept in mind about it.
    pub(super) note: Option<String>,
}

/// Does what the store asks for until it asks for no more: tells what the waiting request waited for, when it is woken.
pub(super) fn pump(
    keys: &mut KeyStore,
    publisher: &Publisher,
    limits: (Duration, usize),
    reports: &mut Vec<KeyReport>,
    now: Timestamp,
) -> Result<Option<Waited>, String> {
    let mut actions = keys.tick(now);
    let mut waited = None;
    // What went wrong, by the URL; the filter's own words are about proxies.
    let mut faults = BTreeMap::new();
    while !actions.is_empty() {
        let mut fetches = Vec::new();
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Fetch(fetch) => fetches.push(fetch),
                Action::Wake(woken) => waited = woken.first().map(|woken| woken.waited),
                Action::Report(report) => {
                    let url = keys.provider(report.provider).map(|provider| provider.url().to_string());
                    reports.push(KeyReport {
                        url: url.unwrap_or_default(),
                        result: result(report.result, &faults),
                        note: matches!(publisher, Publisher::File(Documents::KeySet(_))).then(|| {
                            "the issuer is taken from the URL: give the discovery document to be sure"
                                .to_owned()
                        }),
                    });
                }
            }
        }
        let urls: Vec<_> = fetches.iter().map(|fetch| fetch.url.to_string()).collect();
        for ((fetch, url), answer) in fetches.iter().zip(&urls).zip(publisher.answers(&urls, limits)?) {
            let response = answer.map_err(|(kind, problem)| {
                faults.insert(url.clone(), format!("{url}: {problem}"));
                kind
            });
            actions.extend(keys.answer(fetch, response, now));
        }
    }
    Ok(waited)
}

/// In words that know of no proxy, which has no part in it here.
fn result(result: Result<Fetched, FetchError>, faults: &BTreeMap<String, String>) -> Result<usize, String> {
    match result {
        Ok(Fetched { keys, .. }) => Ok(keys),
        Err(FetchError::Status { url, status, .. }) => Err(format!("{url}: status {status}, not 200")),
        Err(FetchError::Fault { url, .. }) => {
            let url = url.to_string();
            Err(faults.get(&url).cloned().unwrap_or_else(|| format!("{url}: no answer")))
        }
        Err(
            error @ (FetchError::Discovery(_)
            | FetchError::InsecureJwksUri(_)
            | FetchError::ForeignJwksUri(_)
            | FetchError::ForeignIssuer(_)
            | FetchError::KeySet(_)),
        ) => Err(error.to_string()),
    }
}
