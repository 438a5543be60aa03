//! What happens to the keys as time goes by: refresh, backoff, staleness, recovery.

use crate::host::{Answer, Host, Request, StreamId};
use crate::provider::{
    MILLISECOND, MINUTE, Provider, SECOND, next_rsa_key, policy, rsa_key, token, token_but,
};
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

fn policy_with_fetch(fetch: Value) -> Value {
    let mut policy = policy();
    policy["fetch"] = fetch;
    policy
}

fn send(host: &mut Host) -> StreamId {
    host.request(Request::with_token(&token(rsa_key())))
}

fn retry_after(host: &Host, stream: StreamId) -> Duration {
    let reply = host.assert_refused(stream, 503, "DiscoveryUnavailable");
    let seconds = reply.header("retry-after").expect("a 503 says when to come again");
    Duration::from_secs(seconds.parse().expect("whole seconds"))
}

/// When the discovery document was asked for, since the first time.
fn attempts(host: &Host) -> Vec<Duration> {
    let discovery = host.callouts().iter().filter(|callout| callout.header(":path").contains("well-known"));
    let times: Vec<_> = discovery.map(|callout| callout.at).collect();
    times.iter().map(|time| *time - times[0]).collect()
}

#[test]
fn keys_are_fetched_again_every_hour() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    host.advance(59 * MINUTE);
    assert_eq!(host.callouts().len(), 2);
    host.advance(2 * MINUTE);
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (2, 2));
    host.advance(HOUR);
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (3, 3));
}

#[test]
fn the_refresh_interval_can_be_configured() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host_with(&policy_with_fetch(json!({ "refresh-interval": "10m" })));
    host.advance(9 * MINUTE);
    assert_eq!(host.callouts().len(), 2);
    host.advance(51 * MINUTE + 30 * SECOND);
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (7, 7));
}

#[test]
fn a_refresh_brings_new_keys_and_takes_old_ones_away_and_no_request_notices() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host_with(&policy_with_fetch(json!({ "refresh-interval": "10m" })));
    provider.set_keys(&[rsa_key(), next_rsa_key()]);
    provider.set_latency(2 * SECOND);
    host.advance_until("the refresh", 11 * MINUTE, |host| host.discovery_fetches() == 2);
    let during = send(&mut host);
    host.assert_allowed(during);
    host.advance(5 * SECOND);
    let new = host.request(Request::with_token(&token(next_rsa_key())));
    host.assert_allowed(new);
    let old = send(&mut host);
    host.assert_allowed(old);

    provider.set_keys(&[next_rsa_key()]);
    host.advance(11 * MINUTE);
    let new = host.request(Request::with_token(&token(next_rsa_key())));
    host.assert_allowed(new);
    let old = send(&mut host);
    host.advance(10 * SECOND);
    host.assert_refused(old, 401, "TokenSignatureKeyNotFound");
}

#[test]
fn failures_are_followed_by_a_backoff_that_doubles_up_to_half_a_minute() {
    let mut first_delays = Vec::new();
    for seed in 1..=6 {
        let provider = Provider::new(&[]);
        provider.break_discovery(Answer::http(500, "text/plain", "oops"));
        let mut setup = provider.setup(&policy());
        setup.seed = seed;
        let mut host = Host::start(setup);
        host.advance(10 * MINUTE);
        let attempts = attempts(&host);
        let delays: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // An answer takes 20 ms and a tick comes every 100 ms at most.
        let slack = 200 * MILLISECOND;
        for (n, delay) in delays.iter().enumerate() {
            let doubled = SECOND * 2_u32.pow(u32::try_from(n.min(5)).unwrap());
            assert!(*delay <= doubled.min(30 * SECOND) + doubled / 2 + slack, "{n}: {delay:?} of {delays:?}");
            assert!(*delay <= 30 * SECOND + slack, "{n}: {delay:?} of {delays:?}");
            assert!(*delay >= doubled.min(30 * SECOND) / 4, "{n}: {delay:?} of {delays:?}");
        }
        assert!((20..=60).contains(&attempts.len()), "{attempts:?}");
        assert_eq!(host.key_fetches(), 0);
        first_delays.push(delays[..5].to_vec());
    }
    first_delays.sort();
    first_delays.dedup();
    assert!(first_delays.len() > 1, "the same delays for every seed: {first_delays:?}");
}

#[test]
fn without_keys_the_answer_is_503_at_once_and_says_when_to_come_again() {
    let provider = Provider::new(&[]);
    provider.break_discovery(Answer::Refused);
    let mut host = provider.host();
    host.advance(MINUTE);
    for wait in [0, 700, 1300, 5000, 9100] {
        host.advance(wait * MILLISECOND);
        let before = host.callouts().len();
        let stream = send(&mut host);
        let promised = retry_after(&host, stream);
        assert!(promised >= SECOND);
        let waited = host.advance_until("the next attempt", MINUTE, |host| host.callouts().len() > before);
        assert!(waited <= promised + 100 * MILLISECOND, "{waited:?} after a promise of {promised:?}");
        assert!(promised <= waited + SECOND, "{waited:?} after a promise of {promised:?}");
        host.advance(100 * MILLISECOND);
    }
}

#[test]
fn the_first_good_answer_ends_the_backoff() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_keys(Answer::http(503, "text/html", "<html>down</html>"));
    let mut host = provider.host();
    host.advance(5 * MINUTE);
    let stream = send(&mut host);
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
    provider.heal();
    host.advance(31 * SECOND);
    let stream = send(&mut host);
    host.assert_allowed(stream);
    let attempts = host.discovery_fetches();
    host.advance(50 * MINUTE);
    assert_eq!(host.discovery_fetches(), attempts, "a success is followed by the refresh interval");
}

#[test]
fn a_request_that_comes_during_a_retry_waits_for_it() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::Refused);
    let mut host = provider.host();
    host.advance(3 * SECOND);
    provider.heal();
    provider.set_latency(400 * MILLISECOND);
    let before = host.discovery_fetches();
    host.advance_until("the next attempt", MINUTE, |host| host.discovery_fetches() > before);
    let stream = send(&mut host);
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_allowed(stream);
}

#[test]
fn old_keys_serve_until_they_are_too_old_and_then_come_back() {
    let provider = Provider::new(&[rsa_key()]);
    let fetch = json!({ "refresh-interval": "10m", "max-stale": "2h" });
    let mut host = provider.warm_host_with(&policy_with_fetch(fetch));
    let last_good = host.callouts()[1].at;
    provider.break_discovery(Answer::Never);
    while host.now() < last_good + 2 * HOUR - MINUTE {
        host.advance(7 * MINUTE);
        if host.now() < last_good + 2 * HOUR {
            let stream = send(&mut host);
            host.assert_allowed(stream);
        }
    }
    host.advance(last_good + 2 * HOUR + MINUTE - host.now());
    let stream = send(&mut host);
    // It may wait for an attempt that is under way.
    host.advance(10 * SECOND);
    assert!(retry_after(&host, stream) >= SECOND);
    provider.heal();
    host.advance(MINUTE);
    let stream = send(&mut host);
    host.assert_allowed(stream);
}

#[test]
fn the_default_is_a_day() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host_with(&policy_with_fetch(json!({ "refresh-interval": "30m" })));
    provider.break_keys(Answer::Refused);
    host.advance(23 * HOUR + 55 * MINUTE);
    let stream = send(&mut host);
    host.assert_allowed(stream);
    host.advance(10 * MINUTE);
    let stream = send(&mut host);
    host.advance(10 * SECOND);
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_retries() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::Refused);
    let mut host = provider.host();
    host.advance(5 * SECOND);
    host.set_clock_back(2 * HOUR);
    provider.heal();
    host.advance(MINUTE);
    let good = token_but(rsa_key(), &json!({ "nbf": null }));
    let stream = host.request(Request::with_token(&good));
    host.assert_allowed(stream);
}

#[test]
fn a_clock_that_is_set_back_does_not_hide_new_keys() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let stranger = host.request(Request::with_token(&token(&rsa_key().clone().with_kid("stranger"))));
    host.advance(SECOND);
    host.assert_refused(stranger, 401, "TokenSignatureKeyNotFound");
    host.set_clock_back(2 * HOUR);
    provider.set_keys(&[next_rsa_key()]);
    host.advance(MINUTE);
    let good = token_but(next_rsa_key(), &json!({ "nbf": null }));
    let stream = host.request(Request::with_token(&good));
    host.advance(SECOND);
    host.assert_allowed(stream);
}

#[test]
fn refreshes_that_fail_are_tried_again_soon() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.break_discovery(Answer::Refused);
    host.advance(61 * MINUTE);
    assert!(host.discovery_fetches() >= 3, "{:?}", host.callouts());
    let stream = send(&mut host);
    host.assert_allowed(stream);
    provider.heal();
    provider.set_keys(&[next_rsa_key()]);
    host.advance(MINUTE);
    let stream = host.request(Request::with_token(&token(next_rsa_key())));
    host.assert_allowed(stream);
}
