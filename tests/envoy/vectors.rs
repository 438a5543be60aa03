//! Wycheproof's vectors of signatures inside Envoy: through the host's `verify_signature`, and through the module's own code
//! as V8 runs it.

use crate::signature_vectors::exceptions::{Answer, Expected};
use crate::signature_vectors::{self, Group, Key, Test};
use crate::support::artifacts;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// What Envoy's function verifies: no PSS, no Ed25519, no HMAC.
const BY_HOST: &str = "RS256 RS384 RS512 ES256 ES384 ES512";

/// So many vectors one request asks about, so that none takes long.
const AT_ONCE: usize = 70;

#[test]
fn every_vector_of_a_signature_by_both_backends() {
    let groups = signature_vectors::load();
    let plugins: Vec<(String, Vec<Group>)> = portions(&groups)
        .into_iter()
        .enumerate()
        .map(|(index, groups)| (index.to_string(), groups))
        .collect();
    let setup = plugins.iter().fold(Setup::new().module(artifacts::probe()), |setup, (name, groups)| {
        let questions: Vec<Value> = groups.iter().map(question).collect();
        setup.listener(name, json!({ "groups": questions }))
    });
    let envoy = Envoy::start(&setup);
    let (mut by_host, mut by_rust) = (Vec::new(), Vec::new());
    for (name, groups) in &plugins {
        let text = envoy.send(name, Request::get("/")).response.text();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(BY_HOST));
        let asked: usize = lines.next().unwrap().parse().unwrap();
        let set = set_of(&groups[0]);
        assert!(may_be_asked(groups).contains(&asked), "{set}: the host was asked {asked} times");
        for line in lines {
            let (host, rust) = line.split_once(' ').unwrap();
            by_host.push(answer(host));
            by_rust.push(answer(rust));
        }
    }
    for (backend, answers) in [("the host", by_host), ("Rust in V8", by_rust)] {
        let wrong = signature_vectors::judge(&groups, answers);
        assert!(wrong.is_empty(), "{backend}: {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// The groups cut to a plugin's measure, in their order; of one set each.
fn portions(groups: &[Group]) -> Vec<Vec<Group>> {
    let small = groups.iter().flat_map(|group| {
        group.tests.chunks(AT_ONCE).map(|tests| Group { tests: tests.to_vec(), ..group.clone() })
    });
    let mut portions: Vec<Vec<Group>> = Vec::new();
    for group in small {
        let has_room = |portion: &Vec<Group>| {
            let count: usize = portion.iter().map(|group| group.tests.len()).sum();
            set_of(&portion[0]) == set_of(&group) && count + group.tests.len() <= AT_ONCE
        };
        match portions.last_mut().filter(|portion| has_room(portion)) {
            Some(portion) => portion.push(group),
            None => portions.push(vec![group]),
        }
    }
    portions
}

/// How often the host is asked about a set: about every RSA signature, and about ECDSA signatures whose numbers are in range.
fn may_be_asked(groups: &[Group]) -> RangeInclusive<usize> {
    let tests = || groups.iter().flat_map(|group| &group.tests);
    let valid = tests().filter(|test| test.vector.expected == Expected::Valid).count();
    let algorithm = groups[0].algorithm;
    match (BY_HOST.contains(algorithm.name()), algorithm.is_rsa()) {
        (true, true) => tests().count()..=tests().count(),
        (true, false) => valid..=tests().count(),
        (false, _) => 0..=0,
    }
}

fn set_of(group: &Group) -> &str {
    &group.tests[0].vector.set
}

/// The group as the probe reads it (`tests/probe/`).
fn question(group: &Group) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = match &group.key {
        Key::Jwk(jwk) => jwk.clone(),
        Key::Secret(secret) => json!(encode(secret)),
    };
    let test =
        |test: &Test| json!({ "message": encode(&test.message), "signature": encode(&test.signature) });
    let tests: Vec<Value> = group.tests.iter().map(test).collect();
    json!({ "algorithm": group.algorithm.name(), "key": key, "tests": tests })
}

fn answer(word: &str) -> Answer {
    match word {
        "verified" => Answer::Accepted,
        "refused" | "no-key" => Answer::Refused,
        _ => panic!("the probe says {word}"),
    }
}
