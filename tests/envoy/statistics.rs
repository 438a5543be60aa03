//! The filter's statistics as Prometheus gets them from Envoy, with the labels that the shipped configurations make of them.

use crate::support::artifacts::project;
use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, with_wrong_signature};
use crate::support::deadline::{poll, wait_for, wait_until};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::prometheus::Scrape;
use crate::support::shipped::stats_config;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;
use validate_jwt::rejection::Reason;

/// Not made of plain characters, as a plugin's name may be.
const PLUGIN: &str = "team a/orders.v2|\u{fc}";
/// The label that it has.
const PLAIN_PLUGIN: &str = "team_a_orders_v2__";

/// A setup with the shipped labels; histograms are there at once.
fn setup(provider: &IdentityProvider) -> Setup {
    let labels = stats_config("production.yaml");
    Setup::new()
        .cluster("provider", provider.address())
        .overlaid(format!("{labels}\nstats_flush_interval: 0.05s\n"))
}

fn policy(authority: &Authority, audience: &str) -> Value {
    json!({ "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [{ "url": authority.configuration_url() }],
        "audiences": [audience],
        "required-claims": [{ "name": "roles", "values": ["Api.Access"] }],
    } })
}

fn token(authority: &Authority, audience: &str) -> String {
    authority.token(&claims(authority, audience))
}

fn claims(authority: &Authority, audience: &str) -> Value {
    in_force(&json!({ "iss": authority.issuer, "aud": audience, "roles": ["Api.Access"] }))
}

#[test]
fn every_request_is_counted_once_by_policy_and_outcome() {
    let provider = IdentityProvider::start();
    let [light, other, dark] = ["light.example", "other.example", "dark.example"].map(Authority::plain);
    light.publish(&provider);
    other.publish(&provider);
    let trial = with(&policy(&light, "staff"), "options", json!({ "report-only": true }));
    let configuration = json!({
        "policies": {
            "staff": policy(&light, "staff"),
            "partners": policy(&other, "partners"),
            "either": { "any-of": ["staff", "partners"] },
            "trial": trial,
            "dark": policy(&dark, "staff"),
        },
        "rules": [
            { "match": { "path": "/healthz" }, "allow-anonymous": true },
            { "match": { "path-prefix": "/either" }, "policy": "either" },
            { "match": { "path-prefix": "/catalog" }, "policy": "either", "allow-missing": true },
            { "match": { "path-prefix": "/partners" }, "policy": "partners" },
            { "match": { "path-prefix": "/trial" }, "policy": "trial" },
            { "match": { "path-prefix": "/dark" }, "policy": "dark" },
            { "match": {}, "policy": "staff" },
        ],
        "default-cluster": "provider",
    });
    let envoy = Envoy::start(&setup(&provider).listener(PLUGIN, configuration));

    let (staff, partner) = (token(&light, "staff"), token(&other, "partners"));
    let expired = light.token(&with(&claims(&light, "staff"), "exp", json!(now() - 60)));
    let other_role = other.token(&with(&claims(&other, "partners"), "roles", json!(["Other"])));
    // Names in tokens and paths are the caller's to choose; those of statistics are not.
    let strange = json!({ "kid": "x.policy.mine.outcome.Allowed" });
    let strange =
        light.key().sign(&strange, &with(&claims(&light, "staff"), "iss", json!("https://mine"))).unwrap();
    let get = Request::get;
    let with_token = |path: &str, token: &str| get(path).bearer(token);
    let script = [
        ("none", "Anonymous", 2, get("/healthz")),
        ("none", "PathAmbiguous", 2, with_token("/a%2fb", &staff)),
        ("staff", "Allowed", 3, with_token("/", &staff)),
        ("staff", "TokenExpired", 2, with_token("/policy.mine.outcome", &expired)),
        ("staff", "TokenSignatureInvalid", 1, with_token("/", &with_wrong_signature(&staff))),
        ("staff", "TokenIssuerNotAllowed", 1, with_token("/", &partner)),
        ("staff", "TokenIssuerNotAllowed", 1, with_token("/", &strange)),
        ("staff", "TokenNotPresent", 1, get("/")),
        ("staff", "JwtInvalid", 1, get("/").header("authorization", "Bearer x")),
        ("staff", "TokenNotPresent", 1, get("/p.S/Call").header("content-type", "application/grpc")),
        ("partners", "Allowed", 1, with_token("/partners", &partner)),
        ("partners", "TokenClaimValueNotAllowed", 2, with_token("/partners", &other_role)),
        // A composite counts under its own name, whichever of its policies decided.
        ("either", "Allowed", 1, with_token("/either", &staff)),
        ("either", "Allowed", 1, with_token("/catalog", &partner)),
        ("either", "Anonymous", 2, get("/catalog")),
        ("either", "TokenClaimValueNotAllowed", 1, with_token("/either", &other_role)),
        ("dark", "DiscoveryUnavailable", 2, with_token("/dark", &token(&dark, "staff"))),
        ("trial", "ReportOnly", 2, with_token("/trial", &expired)),
        ("trial", "ReportOnly", 1, get("/trial")),
        ("trial", "Allowed", 1, with_token("/trial", &staff)),
    ];
    let mut expected = BTreeMap::new();
    for (policy, outcome, times, request) in &script {
        for _ in 0..*times {
            let answered = envoy.send(PLUGIN, request.clone());
            let logged = envoy.access_log().entry(&answered.id);
            match *outcome {
                "Allowed" | "Anonymous" => assert_eq!((answered.by_upstream, logged.reported), (true, None)),
                "ReportOnly" => assert!(answered.by_upstream && logged.reported.is_some()),
                reason => assert_eq!(logged.details, format!("validate_jwt{{{reason}}}")),
            }
            *expected.entry([PLAIN_PLUGIN, policy, outcome]).or_insert(0.0) += 1.0;
        }
    }

    let scrape = envoy.scrape();
    let counted = scrape.series("validate_jwt_policy_outcome", ["plugin", "policy", "outcome"]);
    assert_eq!(counted, expected);
    // The parts of all names but the providers': no other metric came of what callers sent.
    let types = scrape.types();
    assert!(
        types
            .keys()
            .all(|name| *name == "validate_jwt_policy_outcome" || name.starts_with("validate_jwt_provider_"))
    );
    let requests: u32 = script.iter().map(|(_, _, times, _)| *times).sum();
    assert!((counted.values().sum::<f64>() - f64::from(requests)).abs() < 0.5);
}

#[test]
fn providers_show_their_keys_and_who_waits_for_them() {
    let provider = IdentityProvider::start();
    // Numbered by the names of their policies, from 0.
    let [dark, gated, light] = ["dark.example", "gated.example", "light.example"].map(Authority::plain);
    light.publish(&provider);
    gated.publish(&provider);
    let gate = Gate::default();
    let held = Answer::json(&gated.key_set()).behind(&gate);
    provider.set(&gated.keys_host, &gated.keys_path, held);
    let configuration = json!({
        "policies": { "light": policy(&light, "api"), "gated": policy(&gated, "api"), "dark": policy(&dark, "api") },
        "rules": [
            { "match": { "path": "/gated" }, "policy": "gated" },
            { "match": { "path": "/dark" }, "policy": "dark" },
            { "match": {}, "policy": "light" },
        ],
        "default-cluster": "provider",
        // The test, not the clock, ends the wait.
        "fetch": { "timeout": "1m" },
    });
    let envoy = Envoy::start(&setup(&provider).listener("api", configuration));

    let gauge = |name: &str| {
        let scrape = envoy.scrape();
        let values = scrape.series(&format!("validate_jwt_provider_{name}"), ["plugin", "provider"]);
        ["0", "1", "2"].map(|provider| values.get(&["api", provider]).copied())
    };
    wait_until("all gauges are there", || gauge("ready") == [Some(0.0), Some(0.0), Some(1.0)]);
    assert_eq!(gauge("keys"), [Some(0.0), Some(0.0), Some(1.0)]);
    assert_eq!(gauge("waiting"), [Some(0.0); 3]);
    let [no_age, none_either, age] = gauge("age_seconds");
    assert!(age.is_some_and(|age| age < 60.0), "{age:?}");
    assert_eq!((no_age, none_either), (None, None), "there was no good answer");

    let waiting = [(); 3].map(|()| envoy.begin("api", Request::get("/gated").bearer(&token(&gated, "api"))));
    wait_until("three requests wait", || gauge("waiting") == [Some(0.0), Some(3.0), Some(0.0)]);
    // Other VMs of this Envoy, in which nobody waits, show theirs, too.
    let other = poll(Duration::from_millis(2500), || {
        Some(gauge("waiting")[1]).filter(|waiting| *waiting != Some(3.0))
    });
    assert_eq!(other, None, "three requests still wait");
    let fetches = |scrape: &Scrape| {
        let fetches = scrape.series("validate_jwt_provider_fetch", ["plugin", "provider", "result"]);
        fetches
            .into_iter()
            .map(|([_, provider, result], count)| (format!("{provider} {result}"), count))
            .collect::<BTreeMap<_, _>>()
    };
    let results: BTreeSet<String> = fetches(&envoy.scrape()).into_keys().collect();
    assert_eq!(results, ["0 Status", "2 Ok"].map(str::to_owned).into(), "a fetch counts when it ends");

    gate.open();
    for pending in waiting {
        let answered = envoy.finish(pending);
        envoy.judge(&answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    wait_until("nobody waits", || gauge("waiting") == [Some(0.0); 3]);
    wait_until("keys are there", || gauge("keys") == [Some(0.0), Some(1.0), Some(1.0)]);
    assert!(gauge("age_seconds")[1].is_some());

    let scrape = wait_for("the histogram has every fetch", || {
        let scrape = envoy.scrape();
        let counts = scrape.series("validate_jwt_provider_fetch_milliseconds_count", ["plugin", "provider"]);
        let fetches = fetches(&scrape);
        let is_whole = ["0", "1", "2"].into_iter().all(|provider| {
            let of_provider = fetches.iter().filter(|(key, _)| key.starts_with(provider));
            counts.get(&["api", provider]).copied() == Some(of_provider.map(|(_, count)| count).sum())
        });
        (is_whole && fetches.get("1 Ok") == Some(&1.0)).then_some(scrape)
    });
    let buckets =
        scrape.series("validate_jwt_provider_fetch_milliseconds_bucket", ["plugin", "provider", "le"]);
    let of_gated: BTreeMap<&str, f64> = buckets
        .iter()
        .filter(|([_, provider, _], _)| *provider == "1")
        .map(|([.., le], count)| (*le, *count))
        .collect();
    assert_eq!(
        of_gated.keys().copied().collect::<BTreeSet<_>>(),
        shipped_buckets(&stats_config("production.yaml"))
    );
    assert_eq!((of_gated["1000"], of_gated["+Inf"]), (0.0, 1.0), "the gate was closed for two seconds");
    the_documents_are_right(&scrape);
}

fn shipped_buckets(stats_config: &str) -> BTreeSet<&str> {
    let (_, list) = stats_config.split_once("buckets: [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(", ").chain(["+Inf"]).collect()
}

/// `docs/observability.md` lists every metric, and the queries there and in `docs/reliability.md` ask for what is there. (The
/// outcomes have a test of their own.)
fn the_documents_are_right(scrape: &Scrape) {
    const WORDS: [&str; 5] = ["by", "histogram_quantile", "or", "rate", "sum"];
    let document = |name: &str| fs::read_to_string(project().join(name)).unwrap();
    let text = document("docs/observability.md");
    let outcomes = [("validate_jwt_policy_outcome", "counter")];
    for (name, type_) in scrape.types().into_iter().chain(outcomes) {
        assert!(text.contains(&format!("| `{name}` | {type_} |")), "docs/observability.md lacks {name}");
    }
    let mut known: BTreeSet<&str> = scrape.names();
    known.extend(scrape.label_names());
    known.extend(["validate_jwt_policy_outcome", "policy", "outcome"]);
    known.extend(WORDS);
    let mut values: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    values.extend(["Allowed", "Anonymous", "ReportOnly", "Ok"]);
    for document in [text, document("docs/reliability.md")] {
        let queries: Vec<&str> =
            document.split("```promql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(queries.len() >= 3);
        for query in queries {
            let (outside, inside): (Vec<_>, Vec<_>) =
                query.split('"').enumerate().partition(|(index, _)| index % 2 == 0);
            for value in inside.iter().flat_map(|(_, alternatives)| alternatives.split('|')) {
                assert!(values.contains(value), "`{value}` in a document: {query}");
            }
            let outside: String = outside.into_iter().map(|(_, text)| text).collect();
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let words = outside
                .split(|c| !is_word(c))
                .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
            for word in words {
                assert!(known.contains(word), "`{word}` in a document: {query}");
            }
        }
    }
}
