//! Every case of `tests/cases/` in a real Envoy: each plugin of the table before the upstream, each identity provider
//! played by one that is scripted.

use crate::case_table::Table;
use crate::case_table::request::Sent;
use crate::case_table::verdict::{Answer, Observed};
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::http_message::Headers;
use crate::support::identity_provider::{self, IdentityProvider};
use crate::support::upstream::REQUEST_ID;

/// What the plugins call the way to every provider.
const CLUSTERS: [&str; 4] = ["providers", "entra", "b2c", "external-id"];
/// Shorter text is found by accident where it is no leak.
const SHORTEST_SECRET: usize = 20;

#[test]
fn every_case_of_the_table() {
    let table = Table::load();
    let provider = IdentityProvider::start();
    for (url, document) in table.world.documents() {
        let (host, path) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
        provider.set(host, &format!("/{path}"), identity_provider::Answer::json(document));
    }
    let variables = table.world.environment().iter();
    let mut setup = variables.fold(Setup::new(), |setup, (name, value)| setup.environment(name, value));
    for cluster in CLUSTERS {
        setup = setup.cluster(cluster, provider.address());
    }
    for plugin in table.plugins() {
        setup = setup.listener(&plugin.name, Configuration::Text(plugin.configuration));
    }
    let envoy = Envoy::start(&setup);
    table.world.environment().values().for_each(|secret| envoy.keep_secret(secret));
    let wrong = table.try_all(|plugin, sent| observe(&envoy, plugin, sent));
    assert!(wrong.is_empty(), "{} wrong:\n{}\n{}", wrong.len(), wrong.join("\n"), envoy.log_tail());
}

fn observe(envoy: &Envoy, plugin: &str, sent: &Sent) -> Observed {
    let mut request = Request::new(&sent.method, &sent.target);
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let is_sent =
        |text: &str| sent.target.contains(text) || sent.headers.iter().any(|(_, value)| value.contains(text));
    for (_, token) in sent.tokens.iter().filter(|(_, token)| token.len() >= SHORTEST_SECRET && is_sent(token))
    {
        request = request.secret(token);
    }
    let Answered { id, response, by_upstream } = envoy.send(plugin, request);
    let logged = envoy.access_log().entry(&id);
    let seen = envoy.upstream().seen(&id);
    assert_eq!(seen.is_some(), by_upstream, "the upstream saw what it did not answer");
    if let Some(seen) = seen {
        let mut upstream = texts(&seen.headers);
        upstream.retain(|(name, _)| name != REQUEST_ID);
        upstream.push((":path".to_owned(), seen.target));
        return Observed::Passed { upstream, reported: logged.reported };
    }
    let grpc = response.headers.text("grpc-status").map(|status| {
        let message = response.headers.text("grpc-message").unwrap_or_default();
        (status.parse().unwrap(), message.replace("%20", " "))
    });
    Observed::Refused(Answer {
        status: response.status,
        details: logged.details,
        headers: texts(&response.headers).into_iter().collect(),
        body: response.text(),
        grpc,
    })
}

fn texts(headers: &Headers) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    headers.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}
