//! A token whose `kid` no key has: one refetch for all of them, and not more often than the interval allows.

use crate::host::{Answer, Host, Request, StreamId};
use crate::provider::{
    MILLISECOND, MINUTE, Provider, SECOND, next_rsa_key, policy, rsa_key, token, token_but,
};
use serde_json::json;
use validate_jwt_cli::signing::SigningKey;

/// A token signed with a key that the provider never publishes.
fn stranger(kid: &str) -> String {
    token(&next_rsa_key().clone().with_kid(kid))
}

fn send(host: &mut Host, token: &str) -> StreamId {
    host.request(Request::with_token(token))
}

#[test]
fn waits_for_one_refetch_and_passes_when_the_key_came() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.set_keys(&[rsa_key(), next_rsa_key()]);
    let stream = send(&mut host, &token(next_rsa_key()));
    host.assert_paused(stream);
    let waited = host.advance_until("an answer", SECOND, |host| !host.is_paused(stream));
    host.assert_allowed(stream);
    assert!(waited <= 200 * MILLISECOND, "{waited:?}");
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (2, 2), "{:?}", host.callouts());
    let next = send(&mut host, &token(next_rsa_key()));
    host.assert_allowed(next);
    let old = send(&mut host, &token(rsa_key()));
    host.assert_allowed(old);
}

#[test]
fn is_refused_when_the_key_did_not_come() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let stream = send(&mut host, &stranger("stranger"));
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (2, 2));
}

#[test]
fn is_refused_at_once_inside_the_interval() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let first = send(&mut host, &stranger("one"));
    host.advance(SECOND);
    host.assert_refused(first, 401, "TokenSignatureKeyNotFound");
    for kid in ["one", "two", "three"] {
        let stream = send(&mut host, &stranger(kid));
        host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
        host.advance(5 * SECOND);
    }
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (2, 2));
}

#[test]
fn asks_again_when_the_interval_is_over() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let start = host.now();
    let first = send(&mut host, &stranger("one"));
    host.advance(SECOND);
    host.assert_refused(first, 401, "TokenSignatureKeyNotFound");
    let refetch = host.callouts()[2].at;
    assert!(refetch - start < 100 * MILLISECOND);

    // The interval runs from the start of that refetch, 30 s.
    host.advance(refetch + 29 * SECOND - host.now());
    let second = send(&mut host, &stranger("two"));
    host.assert_refused(second, 401, "TokenSignatureKeyNotFound");
    host.advance(refetch + 30 * SECOND - host.now());
    provider.set_keys(&[next_rsa_key()]);
    let third = send(&mut host, &token(next_rsa_key()));
    host.assert_paused(third);
    host.advance(SECOND);
    host.assert_allowed(third);
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (3, 3));
}

#[test]
fn the_interval_can_be_configured() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["fetch"] = json!({ "unknown-kid-interval": "2m" });
    let mut host = provider.warm_host_with(&policy);
    let first = send(&mut host, &stranger("one"));
    host.assert_paused(first);
    host.advance(110 * SECOND);
    let second = send(&mut host, &stranger("two"));
    host.assert_refused(second, 401, "TokenSignatureKeyNotFound");
    host.advance(11 * SECOND);
    let third = send(&mut host, &stranger("three"));
    host.assert_paused(third);
    host.advance(SECOND);
    host.assert_refused(third, 401, "TokenSignatureKeyNotFound");
}

#[test]
fn all_who_come_while_a_refetch_runs_join_it() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.set_keys(&[rsa_key(), next_rsa_key()]);
    provider.set_latency(2 * SECOND);
    let good = send(&mut host, &token(next_rsa_key()));
    let bad = send(&mut host, &stranger("stranger"));
    host.advance(SECOND);
    let late_good = send(&mut host, &token(next_rsa_key()));
    let late_bad = send(&mut host, &stranger("another"));
    let known = send(&mut host, &token(rsa_key()));
    host.assert_allowed(known);
    host.advance(SECOND + 500 * MILLISECOND);
    // By now the discovery document has come and the key set is on its way.
    let last = send(&mut host, &token(next_rsa_key()));
    for stream in [good, bad, late_good, late_bad, last] {
        host.assert_paused(stream);
    }
    host.advance(3 * SECOND);
    for stream in [good, late_good, last] {
        host.assert_allowed(stream);
    }
    for stream in [bad, late_bad] {
        host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
    }
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (2, 2));
}

#[test]
fn a_rush_of_new_tokens_does_not_hold_up_the_refetch() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.set_keys(&[next_rsa_key()]);
    let new = token(next_rsa_key());
    let start = host.now();
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(send(&mut host, &new));
        host.advance(MILLISECOND / 2);
    }
    let refetched = host.callouts().get(2).map(|callout| callout.at - start);
    assert!(refetched.is_some_and(|after| after <= 20 * MILLISECOND), "it began after {refetched:?}");
    host.advance(SECOND);
    for stream in streams {
        host.assert_allowed(stream);
    }
}

#[test]
fn a_scheduled_refresh_does_not_count_against_the_interval() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["fetch"] = json!({ "refresh-interval": "5m" });
    let mut host = provider.warm_host_with(&policy);
    host.advance_until("the scheduled refresh", 6 * MINUTE, |host| host.callouts().len() == 4);
    host.advance(SECOND);
    provider.set_keys(&[next_rsa_key()]);
    let stream = send(&mut host, &token(next_rsa_key()));
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_allowed(stream);
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (3, 3));
}

#[test]
fn the_first_fetch_does_not_count_against_the_interval() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    host.advance_until("the first fetch", SECOND, |host| host.callouts().len() == 2);
    host.advance(30 * MILLISECOND);
    provider.set_keys(&[next_rsa_key()]);
    let stream = send(&mut host, &token(next_rsa_key()));
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_allowed(stream);
}

#[test]
fn a_token_that_waits_for_the_first_fetch_asks_for_no_more_than_one_refetch() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let stream = send(&mut host, &stranger("stranger"));
    host.advance(5 * SECOND);
    host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
    assert!(host.discovery_fetches() <= 2, "{:?}", host.callouts());
}

#[test]
fn an_issuer_that_nothing_allows_costs_no_fetch() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let key = next_rsa_key().clone().with_kid("stranger");
    let stream = send(&mut host, &token_but(&key, &json!({ "iss": "https://evil.example/" })));
    host.assert_refused(stream, 401, "TokenIssuerNotAllowed");
    host.advance(SECOND);
    assert_eq!(host.callouts().len(), 2);
}

#[test]
fn a_token_without_kid_tries_the_keys_that_are_there() {
    let provider = Provider::new(&[next_rsa_key(), rsa_key()]);
    let mut host = provider.warm_host();
    let absent = rsa_key().clone().without_kid();
    let empty = rsa_key().clone().with_kid("");
    for key in [&absent, &empty] {
        let stream = send(&mut host, &token(key));
        host.assert_allowed(stream);
    }
    let stranger = SigningKey::generate(rsa_key().algorithm()).unwrap().without_kid();
    assert_eq!(host.callouts().len(), 2, "keys that fit need no refetch");
    // Newer keys could fit, so that one refetch is in order, and no more than one.
    for _ in 0..3 {
        let stream = send(&mut host, &token(&stranger));
        host.advance(SECOND);
        host.assert_refused(stream, 401, "TokenSignatureInvalid");
    }
    assert!(host.discovery_fetches() <= 2, "{:?}", host.callouts());
}

#[test]
fn a_known_kid_with_a_bad_signature_costs_no_fetch() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let stream = send(&mut host, &stranger("rsa-1"));
    host.assert_refused(stream, 401, "TokenSignatureInvalid");
    host.advance(SECOND);
    assert_eq!(host.callouts().len(), 2);
}

#[test]
fn a_client_that_leaves_while_it_waits_spoils_nothing() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.set_keys(&[next_rsa_key()]);
    let first = send(&mut host, &token(next_rsa_key()));
    let second = send(&mut host, &token(next_rsa_key()));
    host.close(first);
    host.advance(SECOND);
    host.assert_allowed(second);
}

#[test]
fn when_the_refetch_fails_the_token_is_answered_and_the_old_keys_stay() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.set_keys(&[next_rsa_key()]);
    provider.break_discovery(Answer::Refused);
    let unknown = send(&mut host, &token(next_rsa_key()));
    host.assert_paused(unknown);
    host.advance(SECOND);
    // The key may well exist: this refusal is not the caller's fault, so that it must not be a 401.
    host.assert_refused(unknown, 503, "DiscoveryUnavailable");
    let known = send(&mut host, &token(rsa_key()));
    host.assert_allowed(known);
    provider.heal();
    host.advance(MINUTE);
    let unknown = send(&mut host, &token(next_rsa_key()));
    host.advance(SECOND);
    host.assert_allowed(unknown);
}
