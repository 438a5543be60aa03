//! The members of `fetch` that bound something: how long a callout may take, how large an answer may be, how many
//! requests may wait.

use crate::host::{Answer, Host, Request, StreamId};
use crate::provider::{HOST, MILLISECOND, Provider, SECOND, next_rsa_key, policy, rsa_key, token};
use serde_json::{Value, json};
use std::sync::OnceLock;

fn policy_with_fetch(fetch: Value) -> Value {
    let mut policy = policy();
    policy["fetch"] = fetch;
    policy
}

fn send(host: &mut Host) -> StreamId {
    static TOKEN: OnceLock<String> = OnceLock::new();
    host.request(Request::with_token(TOKEN.get_or_init(|| token(rsa_key()))))
}

#[test]
fn no_more_requests_wait_than_allowed() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host_with(&policy_with_fetch(json!({ "max-waiting-requests": 3 })));
    let waiting = [send(&mut host), send(&mut host), send(&mut host)];
    for _ in 0..2 {
        let one_too_many = send(&mut host);
        let reply = host.assert_refused(one_too_many, 503, "DiscoveryUnavailable");
        let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds >= 1);
    }
    // What needs no keys does not wait, and who leaves makes room.
    let without_token = host.request(Request::get("/orders"));
    host.assert_refused(without_token, 401, "TokenNotPresent");
    host.close(waiting[1]);
    let now_there_is_room = send(&mut host);
    host.assert_paused(now_there_is_room);
    let full_again = send(&mut host);
    host.assert_refused(full_again, 503, "DiscoveryUnavailable");
    host.advance(3 * SECOND);
    for stream in [waiting[0], waiting[2], now_there_is_room] {
        host.assert_allowed(stream);
    }
}

#[test]
fn those_who_waited_before_leave_their_places_free() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host_with(&policy_with_fetch(json!({ "max-waiting-requests": 2 })));
    let first = [send(&mut host), send(&mut host)];
    host.advance(SECOND);
    for stream in first {
        host.assert_allowed(stream);
    }
    provider.set_keys(&[next_rsa_key()]);
    let new = token(next_rsa_key());
    let second = [host.request(Request::with_token(&new)), host.request(Request::with_token(&new))];
    let third = host.request(Request::with_token(&new));
    host.assert_refused(third, 503, "DiscoveryUnavailable");
    host.advance(SECOND);
    for stream in second {
        host.assert_allowed(stream);
    }
}

#[test]
fn a_thousand_and_twenty_four_may_wait_by_default() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let streams: Vec<_> = (0..1024).map(|_| send(&mut host)).collect();
    let one_too_many = send(&mut host);
    host.assert_refused(one_too_many, 503, "DiscoveryUnavailable");
    host.advance(SECOND);
    for stream in streams {
        host.assert_allowed(stream);
    }
}

#[test]
fn the_timeout_of_callouts_can_be_configured() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::Never);
    let mut host = provider.host_with(&policy_with_fetch(json!({ "timeout": "300ms" })));
    let stream = send(&mut host);
    host.advance_until("a callout", SECOND, |host| host.callouts().len() == 1);
    assert_eq!(host.callouts()[0].timeout, 300 * MILLISECOND);
    host.advance(290 * MILLISECOND);
    host.assert_paused(stream);
    host.advance(20 * MILLISECOND);
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
}

#[test]
fn an_answer_just_in_time_counts_and_one_that_is_too_late_does_not() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(4900 * MILLISECOND);
    let mut host = provider.host();
    let stream = send(&mut host);
    host.advance(11 * SECOND);
    host.assert_allowed(stream);

    provider.set_latency(5100 * MILLISECOND);
    let mut host = provider.host();
    let stream = send(&mut host);
    host.advance(6 * SECOND);
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
}

#[test]
fn the_size_of_answers_is_bounded_to_the_byte() {
    for (limit, configured) in [(262_144, None), (5_000, Some(5_000))] {
        for (size, good) in [(limit, true), (limit + 1, false)] {
            let provider = Provider::new(&[rsa_key()]);
            let mut keys = provider.key_set().to_string();
            keys.push_str(&" ".repeat(size - keys.len()));
            provider.break_keys(Answer::json(keys));
            let fetch = configured.map_or_else(|| json!({}), |bytes| json!({ "max-response-bytes": bytes }));
            let mut host = provider.host_with(&policy_with_fetch(fetch));
            let stream = send(&mut host);
            host.about = format!("{size} bytes with a limit of {limit}");
            host.advance(SECOND);
            if good {
                host.assert_allowed(stream);
            } else {
                host.assert_refused(stream, 503, "DiscoveryUnavailable");
            }
        }
    }
}

#[test]
fn plain_http_works_where_it_is_allowed() {
    let mut policy = policy();
    policy["validate-jwt"]["openid-config"][0]["url"] =
        json!(format!("http://{HOST}{}", crate::provider::DISCOVERY));
    policy["clusters"] = json!({ HOST: "idp", format!("{HOST}:80"): "idp" });
    policy["fetch"] = json!({ "allow-http": true });
    let provider = Provider::new(&[rsa_key()]);
    provider.set_metadata("jwks_uri", json!(format!("http://{HOST}{}", crate::provider::KEYS)));
    let mut host = provider.host_with(&policy);
    let stream = send(&mut host);
    host.advance(SECOND);
    host.assert_allowed(stream);
    assert_eq!(host.callouts()[0].header(":scheme"), "http");
}
