//! Several plugins in one VM, and several VMs in one proxy: what Envoy makes of listeners, workers and updates.

use crate::host::{Answer, Host, Request, RootId, StreamId};
use crate::provider::{MILLISECOND, Provider, SECOND, next_rsa_key, policy, rsa_key, token, token_but};
use serde_json::{Value, json};

/// The usual policy for another audience.
fn other_policy() -> Value {
    let mut policy = policy();
    policy["validate-jwt"]["audiences"] = json!(["api://payments"]);
    policy["validate-jwt"]["failed-validation-httpcode"] = json!(403);
    policy
}

fn send(host: &mut Host, root: RootId, audience: &str) -> StreamId {
    let token = token_but(rsa_key(), &json!({ "aud": audience }));
    host.request_at(root, Request::with_token(&token))
}

#[test]
fn two_plugins_in_one_vm_keep_to_themselves() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let first = RootId::FIRST;
    let second =
        host.add_plugin("payments", other_policy().to_string().as_bytes()).expect("a good configuration");
    let early = [send(&mut host, first, "api://orders"), send(&mut host, second, "api://payments")];
    let crossed = [send(&mut host, first, "api://payments"), send(&mut host, second, "api://orders")];
    host.advance(SECOND);
    for stream in early {
        host.assert_allowed(stream);
    }
    host.assert_refused(crossed[0], 401, "TokenAudienceNotAllowed");
    host.assert_refused(crossed[1], 403, "TokenAudienceNotAllowed");
    // Each fetches for itself, and one that ends does not take the other along.
    assert_eq!(host.key_fetches(), 2);
    host.remove_root(first);
    provider.set_keys(&[next_rsa_key()]);
    let token = token_but(next_rsa_key(), &json!({ "aud": "api://payments" }));
    let new = host.request_at(second, Request::with_token(&token));
    host.advance(SECOND);
    host.assert_allowed(new);
}

#[test]
fn two_configurations_of_one_plugin_fetch_once() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let second = host.add_root(other_policy().to_string().as_bytes()).expect("a good configuration");
    let early = [send(&mut host, RootId::FIRST, "api://orders"), send(&mut host, second, "api://payments")];
    host.advance(SECOND);
    for stream in early {
        host.assert_allowed(stream);
    }
    assert_eq!((host.discovery_fetches(), host.key_fetches()), (1, 1));
}

#[test]
fn an_update_has_the_keys_for_its_first_request() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    provider.break_discovery(Answer::http(500, "text/plain", "down"));
    let updated = host.add_root(other_policy().to_string().as_bytes()).expect("a good configuration");
    host.remove_root(RootId::FIRST);
    let stream = send(&mut host, updated, "api://payments");
    host.assert_allowed(stream);
    assert_eq!(host.discovery_fetches(), 1);
}

#[test]
fn a_plugin_that_ends_while_it_fetches_leaves_the_fetch_to_the_next() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(4 * SECOND);
    let mut host = provider.host();
    host.advance(SECOND);
    let updated = host.add_root(other_policy().to_string().as_bytes()).expect("a good configuration");
    let waiting = send(&mut host, updated, "api://payments");
    host.advance(100 * MILLISECOND);
    provider.set_latency(20 * MILLISECOND);
    host.remove_root(RootId::FIRST);
    host.advance(200 * MILLISECOND);
    host.assert_allowed(waiting);
    assert_eq!(host.discovery_fetches(), 2);
}

#[test]
fn a_worker_is_served_by_what_another_one_fetched() {
    let provider = Provider::new(&[rsa_key()]);
    let mut first = provider.host();
    let mut setup = provider.setup(&policy());
    setup.shared = first.shared();
    setup.seed = 2;
    let mut second = Host::start(setup);
    let early = second.request(Request::with_token(&token(rsa_key())));
    let together = |first: &mut Host, second: &mut Host, milliseconds| {
        for _ in 0..milliseconds {
            first.advance(MILLISECOND);
            second.advance(MILLISECOND);
        }
    };
    together(&mut first, &mut second, 60);
    second.assert_allowed(early);
    // A new key, which the first worker is asked for: the second serves it within 200 ms, without a question of its own.
    provider.set_keys(&[next_rsa_key()]);
    let new = first.request(Request::with_token(&token(next_rsa_key())));
    together(&mut first, &mut second, 60);
    first.assert_allowed(new);
    let at_once = second.request(Request::with_token(&token(next_rsa_key())));
    second.assert_allowed(at_once);
    together(&mut first, &mut second, 100);
    let old = second.request(Request::with_token(&token(rsa_key())));
    second.assert_refused(old, 401, "TokenSignatureKeyNotFound");
    assert_eq!(second.callouts().len(), 0);
    assert_eq!(first.callouts().len(), 4);
}

#[test]
fn an_update_takes_over_and_the_old_plugin_may_end_while_it_fetches() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host();
    let old = RootId::FIRST;
    host.advance(100 * MILLISECOND);
    let updated = host.add_root(other_policy().to_string().as_bytes()).expect("a good configuration");
    let waiting = send(&mut host, updated, "api://payments");
    host.remove_root(old);
    host.advance(5 * SECOND);
    host.assert_allowed(waiting);
}

#[test]
fn an_update_that_is_refused_leaves_the_old_plugin_as_it_was() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let old = RootId::FIRST;
    let mut bad = policy();
    bad["validate-jwt"]["audiences"] = json!([]);
    assert_eq!(host.add_root(bad.to_string().as_bytes()), None);
    let good = send(&mut host, old, "api://orders");
    host.assert_allowed(good);
    provider.set_keys(&[next_rsa_key()]);
    let new = host.request(Request::with_token(&token(next_rsa_key())));
    host.advance(SECOND);
    host.assert_allowed(new);
}

#[test]
fn the_workers_of_one_proxy_say_once_how_signatures_are_verified() {
    let provider = Provider::new(&[rsa_key()]);
    let mut first = provider.warm_host();
    let mut setup = provider.setup(&policy());
    setup.shared = first.shared();
    let mut second = Host::start(setup);
    for host in [&mut first, &mut second] {
        let stream = host.request(Request::with_token(&token(rsa_key())));
        host.assert_allowed(stream);
    }
    let lines = first.log().iter().chain(second.log());
    let lines: Vec<_> = lines.filter(|line| line.text.contains("signatures are verified")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
}
