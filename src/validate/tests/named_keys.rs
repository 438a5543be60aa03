//! Whose keys are whose where the configuration says so: `options.issuer-keys` and `options.jwks`.

use super::*;

const A: &str = "https://a.example/x";
const B: &str = "https://b.example/x";
const SHARED: &str = "https://c.example";
const SEVERAL_HOSTS: Rejection = Rejection::IssuerNotAllowed(IssuerFault::SeveralHosts);
const NOT_LISTED: Rejection = Rejection::IssuerNotAllowed(IssuerFault::NotListed);

/// The key of `https://{host}/keys`: of `a.example` the first, and so on.
fn signer(host: &str) -> Signer {
    Signer::new(host.bytes().next().unwrap() - b'a' + 1)
}

/// A world whose hosts serve the key of [`signer`], and name these issuers.
fn world(document: &Value, issuers: &[(&str, &str)]) -> World {
    let mut world = World::new(document);
    world.serve(|url| serve(url, issuers));
    world
}

fn serve(url: &str, issuers: &[(&str, &str)]) -> Option<Value> {
    let host = url.split('/').nth(2)?;
    if url.ends_with("/keys") {
        return Some(json!({ "keys": [signer(host).jwk()] }));
    }
    let (_, issuer) = issuers.iter().find(|(known, _)| *known == host)?;
    Some(metadata(host, issuer))
}

/// Two `openid-config`s, these `issuers`, and these `issuer-keys`.
fn two_hosts(issuers: &[&str], issuer_keys: &Value) -> Value {
    let mut document = configuration(&[A, B], issuers);
    document["options"] = json!({ "issuer-keys": issuer_keys });
    document
}

#[test]
fn issuer_keys_decide_whose_keys_sign_for_a_listed_issuer() {
    let own = [("a.example", "https://a.example"), ("b.example", "https://b.example")];
    for (named, passes) in
        [(json!([A]), ["a"].as_slice()), (json!([B]), &["b"]), (json!([A, B]), &["a", "b"])]
    {
        let world = world(&two_hosts(&[SHARED], &json!({ SHARED: named })), &own);
        for host in ["a", "b"] {
            let outcome = world.validate(&signer(host).token(&claims(SHARED)));
            if passes.contains(&host) {
                assert!(matches!(outcome, Outcome::Allow(_)), "{named} {host}");
            } else {
                let only =
                    passes.iter().map(|host| usize::from(host.as_bytes()[0] - b'a')).collect::<Vec<_>>();
                assert_eq!(
                    wish(outcome),
                    Wish::refetch(set(&only)),
                    "{named} {host}: only the named one is asked"
                );
            }
        }
        for host in ["a", "b"] {
            let own = signer(host).token(&claims(&format!("https://{host}.example")));
            assert!(world.passes(&own), "{named} {host}: other issuers are decided as ever");
        }
    }
    let silent = world(&two_hosts(&[SHARED], &json!({ "https://d.example": [A] })), &own);
    assert_eq!(silent.rejection(&signer("a").token(&claims(SHARED))), SEVERAL_HOSTS, "nothing is said of it");
}

#[test]
fn issuer_keys_decide_an_issuer_that_two_hosts_name() {
    let both = [("a.example", SHARED), ("b.example", SHARED)];
    for issuers in [&[][..], &[SHARED]] {
        let world = world(&two_hosts(issuers, &json!({ SHARED: [B] })), &both);
        assert!(world.passes(&signer("b").token(&claims(SHARED))), "{issuers:?}");
        let impostor = Signer { key_id: signer("b").key_id, ..signer("a") }.token(&claims(SHARED));
        assert_eq!(world.rejection(&impostor), Rejection::SignatureInvalid, "{issuers:?}");
    }
}

#[test]
fn issuer_keys_go_before_the_issuers_own_host() {
    let iss = "https://b.example/old";
    let own = [("a.example", "https://a.example"), ("b.example", "https://b.example")];
    let only_a = world(&two_hosts(&[iss], &json!({ iss: [A] })), &own);
    assert!(only_a.passes(&signer("a").token(&claims(iss))));
    assert!(!only_a.passes(&signer("b").token(&claims(iss))), "not even the issuer's own host");
    let both = world(&two_hosts(&[iss], &json!({ iss: [A, B] })), &own);
    for host in ["a", "b"] {
        assert!(both.passes(&signer(host).token(&claims(iss))), "{host}");
    }
}

#[test]
fn issuer_keys_list_no_issuer() {
    let own = [("a.example", "https://a.example"), ("b.example", "https://b.example")];
    let world = world(&two_hosts(&[], &json!({ SHARED: [A] })), &own);
    assert_eq!(world.rejection(&signer("a").token(&claims(SHARED))), NOT_LISTED);
}

#[test]
fn only_the_configurations_that_issuer_keys_name_are_waited_for() {
    let mut world = World::new(&two_hosts(&[SHARED], &json!({ SHARED: [B] })));
    let token = signer("b").token(&claims(SHARED));
    assert_eq!(wish(world.validate(&token)), Wish::pending(set(&[1])));
    world
        .serve(|url| url.contains("b.example").then(|| serve(url, &[("b.example", "https://b.example")]))?);
    assert!(world.passes(&token), "a.example is down");
}

#[test]
fn all_that_issuer_keys_name_may_sign_and_the_known_ones_do_not_wait_for_the_others() {
    let shared = [("a.example", SHARED), ("b.example", SHARED)];
    let document = two_hosts(&[], &json!({ SHARED: [A, B] }));
    let mut world = World::new(&document);
    world.serve(|url| url.contains("a.example").then(|| serve(url, &shared))?);
    let (of_a, of_b) = (signer("a").token(&claims(SHARED)), signer("b").token(&claims(SHARED)));
    assert!(world.passes(&of_a), "b.example is down");
    world.pass(Duration::from_secs(2));
    assert!(world.passes(&of_a), "b.example is awaited");
    assert_eq!(wish(world.validate(&of_b)), Wish::pending(set(&[1])), "which may turn out to sign for it");
    world.serve(|url| serve(url, &shared));
    assert!(world.passes(&of_a) && world.passes(&of_b));
}

/// An `openid-config` of `a.example`, and these key sets.
fn key_sets(issuers: &[&str], jwks: &Value) -> Value {
    let mut document = configuration(&[A], issuers);
    document["options"] = json!({ "jwks": jwks });
    document
}

#[test]
fn a_key_set_vouches_for_the_issuer_that_the_configuration_names() {
    let sets = json!([
        { "issuer": "https://issuer.example", "url": "https://b.example/keys" },
        { "issuer": "not a url", "url": "https://c.example/keys" },
    ]);
    for with_discovery in [true, false] {
        let mut document = key_sets(&[], &sets);
        if !with_discovery {
            document["validate-jwt"].as_object_mut().unwrap().remove("openid-config");
        }
        let world = world(&document, &[("a.example", "https://a.example")]);
        for (host, iss) in [("b", "https://issuer.example"), ("c", "not a url")] {
            assert!(world.passes(&signer(host).token(&claims(iss))), "{iss}");
            assert_eq!(
                world.rejection(&signer(host).token(&claims(&format!("{iss}/")))),
                NOT_LISTED,
                "{iss}"
            );
        }
        let key_id = signer("b").key_id;
        let impostor = Signer { key_id, ..signer("c") }.token(&claims("https://issuer.example"));
        assert_eq!(world.rejection(&impostor), Rejection::SignatureInvalid);
        let own = signer("a").token(&claims("https://a.example"));
        assert_eq!(world.passes(&own), with_discovery);
    }
}

#[test]
fn a_key_set_is_waited_for_and_fetched_again_like_a_document() {
    let mut document = key_sets(&[], &json!([{ "issuer": SHARED, "url": "https://b.example/keys" }]));
    document["validate-jwt"].as_object_mut().unwrap().remove("openid-config");
    let mut world = World::new(&document);
    let token = signer("b").token(&claims(SHARED));
    assert_eq!(wish(world.validate(&token)), Wish::pending(set(&[0])));
    assert_eq!(
        world.rejection(&signer("b").token(&claims("https://d.example"))),
        NOT_LISTED,
        "known without a fetch"
    );
    world.serve(|_| None);
    assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable);
    world.pass(Duration::from_secs(2));
    world.serve(|url| serve(url, &[]));
    assert!(world.passes(&token));
    assert_eq!(wish(world.validate(&Signer::new(9).token(&claims(SHARED)))), Wish::refetch(set(&[0])));
}

#[test]
fn a_key_set_goes_before_a_document_that_names_its_issuer() {
    let sets = json!([{ "issuer": SHARED, "url": "https://b.example/keys" }]);
    for issuers in [&[][..], &[SHARED]] {
        let world = world(&key_sets(issuers, &sets), &[("a.example", SHARED)]);
        assert!(world.passes(&signer("b").token(&claims(SHARED))), "{issuers:?}");
        let impostor = Signer { key_id: signer("b").key_id, ..signer("a") }.token(&claims(SHARED));
        assert_eq!(world.rejection(&impostor), Rejection::SignatureInvalid, "{issuers:?}");
        let stranger = signer("a").token(&claims(SHARED));
        assert_eq!(wish(world.validate(&stranger)), Wish::refetch(set(&[1])), "{issuers:?}");
    }
    // The same while the set itself has not come.
    let mut world = World::new(&key_sets(&[], &sets));
    world.serve(|url| url.contains("a.example").then(|| serve(url, &[("a.example", SHARED)]))?);
    assert_eq!(world.rejection(&signer("a").token(&claims(SHARED))).reason(), Reason::DiscoveryUnavailable);
    world.pass(Duration::from_secs(2));
    assert_eq!(wish(world.validate(&signer("a").token(&claims(SHARED)))), Wish::pending(set(&[1])));
}

#[test]
fn a_key_set_never_vouches_for_an_issuer_that_is_only_listed() {
    let iss = "https://b.example/old";
    let sets = json!([{ "issuer": SHARED, "url": "https://b.example/keys" }]);
    let with_document = world(&key_sets(&[iss], &sets), &[("a.example", "https://a.example")]);
    assert!(with_document.passes(&signer("a").token(&claims(iss))), "the only other configuration does");
    let of_set = Signer { key_id: signer("a").key_id, ..signer("b") }.token(&claims(iss));
    assert_eq!(
        with_document.rejection(&of_set),
        Rejection::SignatureInvalid,
        "though the issuer is on its host"
    );

    let mut document = key_sets(&[iss], &sets);
    document["validate-jwt"].as_object_mut().unwrap().remove("openid-config");
    let alone = world(&document, &[]);
    assert_eq!(alone.rejection(&signer("b").token(&claims(iss))), Rejection::KeyNotFound);
}

#[test]
fn several_key_sets_of_one_issuer_all_vouch_and_wait_for_nobody_else() {
    let sets = json!([
        { "issuer": SHARED, "url": "https://b.example/keys" },
        { "issuer": SHARED, "url": "https://c.example/keys" },
    ]);
    let mut world = World::new(&key_sets(&[], &sets));
    world.serve(|url| if url.contains("a.example") { None } else { serve(url, &[]) });
    world.pass(Duration::from_secs(2));
    for host in ["b", "c"] {
        assert!(world.passes(&signer(host).token(&claims(SHARED))), "{host}: a.example is awaited");
    }
    let stranger = Signer::new(9).token(&claims(SHARED));
    assert_eq!(wish(world.validate(&stranger)), Wish::refetch(set(&[1, 2])));
}
