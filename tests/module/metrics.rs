//! The numbers that an operator watches.

use crate::host::{Answer, Host, Request, RootId};
use crate::provider::{MILLISECOND, MINUTE, Provider, SECOND, ec_key, policy, rsa_key, token};
use serde_json::json;

const PROVIDER: &str = "validate_jwt.plugin.orders.provider.0";

#[track_caller]
fn gauge(host: &Host, name: &str) -> u64 {
    let value = host.metric(&format!("{PROVIDER}.{name}"));
    value.unwrap_or_else(|| panic!("no {name} in {:?}", host.metric_names()))
}

/// How many fetches ended in each way, by the last part of the metric's name.
fn fetches(host: &Host) -> Vec<(String, u64)> {
    let prefix = format!("{PROVIDER}.fetch.");
    let names = host.metric_names();
    let results = names.iter().filter_map(|name| Some((name.strip_prefix(&prefix)?, host.metric(name)?)));
    results.map(|(result, count)| (result.to_owned(), count)).collect()
}

#[test]
fn decisions_are_counted_by_outcome() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    for _ in 0..3 {
        let stream = host.request(Request::with_token(&token(rsa_key())));
        host.assert_allowed(stream);
    }
    for _ in 0..2 {
        let stream = host.request(Request::get("/orders"));
        host.assert_refused(stream, 401, "TokenNotPresent");
    }
    let value = |end: &str| {
        let names = host.metric_names();
        let mut names = names.iter().filter(|name| name.ends_with(end));
        let name = names.next().unwrap_or_else(|| panic!("no {end} in {:?}", host.metric_names()));
        assert!(name.starts_with("validate_jwt.plugin.orders.policy."), "{name}");
        assert!(names.next().is_none(), "{end} is there twice");
        host.metric(name)
    };
    assert_eq!(value(".outcome.Allowed"), Some(3));
    assert_eq!(value(".outcome.TokenNotPresent"), Some(2));
    assert!(!host.metric_names().iter().any(|name| name.ends_with(".TokenExpired")), "defined on first use");
}

#[test]
fn requests_that_waited_are_counted_once() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    for _ in 0..3 {
        host.request(Request::with_token(&token(rsa_key())));
    }
    let left = host.request(Request::with_token(&token(rsa_key())));
    host.close(left);
    host.advance(SECOND);
    let names = host.metric_names();
    let outcomes: Vec<_> = names.iter().filter(|name| name.contains(".outcome.")).collect();
    let [allowed] = outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(host.metric(allowed), Some(3));
}

#[test]
fn the_state_of_a_provider_can_be_seen() {
    let provider = Provider::new(&[rsa_key(), ec_key()]);
    provider.break_discovery(Answer::Refused);
    let mut policy = policy();
    policy["fetch"] = json!({ "refresh-interval": "10m", "max-stale": "1h" });
    let mut host = provider.host_with(&policy);
    host.advance(SECOND);
    assert_eq!((gauge(&host, "keys"), gauge(&host, "ready")), (0, 0));
    let failures = fetches(&host);
    assert!(!failures.is_empty() && failures.iter().all(|(_, count)| *count > 0), "{failures:?}");

    provider.heal();
    host.advance(31 * SECOND);
    assert_eq!((gauge(&host, "keys"), gauge(&host, "ready")), (2, 1));
    let after = fetches(&host);
    let added: Vec<_> = after.iter().filter(|result| !failures.contains(result)).collect();
    assert!(added.iter().any(|(_, count)| *count == 1), "one fetch was good: {failures:?}, then {after:?}");

    provider.break_discovery(Answer::Refused);
    host.advance(30 * MINUTE);
    assert_eq!((gauge(&host, "keys"), gauge(&host, "ready")), (2, 1), "the last good keys serve");
    let age = gauge(&host, "age_seconds");
    assert!((28 * 60..=31 * 60).contains(&age), "{age}");
    host.advance(35 * MINUTE);
    assert_eq!((gauge(&host, "keys"), gauge(&host, "ready")), (0, 0), "too old");
}

#[test]
fn those_who_wait_can_be_seen() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host();
    let streams = [(); 3].map(|()| host.request(Request::with_token(&token(rsa_key()))));
    host.advance(100 * MILLISECOND);
    assert_eq!(gauge(&host, "waiting"), 3);
    host.advance(3 * SECOND);
    for stream in streams {
        host.assert_allowed(stream);
    }
    assert_eq!(gauge(&host, "waiting"), 0);
}

#[test]
fn names_are_made_of_plain_characters() {
    let provider = Provider::new(&[rsa_key()]);
    let mut setup = provider.setup(&policy());
    setup.plugin_name = "team a/orders.v2|\u{fc}".to_owned();
    let mut host = Host::start(setup);
    host.warm_up();
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(stream);
    assert!(host.metric_names().len() >= 2, "{:?}", host.metric_names());
    for name in host.metric_names() {
        assert!(name.starts_with("validate_jwt.plugin.team_a_orders_v2__."), "{name}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        assert!(name.chars().all(plain), "{name}");
    }
}

#[test]
fn a_plugin_that_ends_takes_its_requests_out_of_the_gauge() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host();
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.advance(100 * MILLISECOND);
    assert_eq!(gauge(&host, "waiting"), 1);
    host.close(stream);
    host.remove_root(RootId::FIRST);
    assert_eq!(gauge(&host, "waiting"), 0, "the gauge is the proxy's, and outlives the plugin");
}
