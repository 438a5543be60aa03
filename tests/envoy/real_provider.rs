//! Tokens of a real OpenID provider: every algorithm it signs with, and a key that changes while requests run.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::claims::{part, replace_part, with, with_wrong_signature};
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::openid_provider::{OpenIdProvider, READ, WRITE};
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use validate_jwt_cli::signing::base64url;

const AUDIENCE: &str = "https://api.example/";
/// What the contract names; Ed25519 is the newer name of `EdDSA`.
const ALGORITHMS: [&str; 11] =
    ["ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

/// `fetch.unknown-kid-interval` here.
const INTERVAL: Duration = Duration::from_millis(200);

fn start(provider: &OpenIdProvider) -> Envoy {
    let clusters = json!({ provider.address().to_string(): "openid-provider" });
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "require-scheme": "Bearer",
            "openid-config": [{ "url": provider.configuration_url() }],
            "audiences": [AUDIENCE],
            "required-claims": [{ "name": "scope", "match": "any", "separator": " ", "values": [READ] }],
        },
        "clusters": clusters,
        "fetch": { "allow-http": true, "unknown-kid-interval": format!("{}ms", INTERVAL.as_millis()) },
    });
    Envoy::start(&Setup::new().listener("orders", policy).cluster("openid-provider", provider.address()))
}

#[test]
fn tokens_of_every_algorithm_pass_and_their_forgeries_do_not() {
    let provider = OpenIdProvider::start();
    let envoy = start(&provider);
    let mut wrong = Vec::new();
    for algorithm in ALGORITHMS {
        let token = |scope: &str, audience: &str| {
            let token = provider.token(algorithm, scope, audience);
            assert_eq!(part(&token, 0)["alg"], algorithm);
            token
        };
        let good = token(READ, AUDIENCE);
        let later = with(&part(&good, 1), "exp", json!(now() + 86_400));
        let altered = replace_part(&good, 1, &base64url(later.to_string().as_bytes()));
        let bearer = |token: &str| Request::get("/orders").bearer(token);
        let refused = |what: &str, token: &str, reason| {
            Case::refused(format!("{algorithm}: {what}"), bearer(token), Refusal::of(reason))
        };
        wrong.extend(envoy.try_all(
            "orders",
            vec![
                Case::passes(algorithm, bearer(&good)),
                Case::passes(
                    format!("{algorithm}: two scopes"),
                    bearer(&token(&format!("{WRITE}+{READ}"), AUDIENCE)),
                ),
                refused(
                    "another audience",
                    &token(READ, "https://other.example/"),
                    "TokenAudienceNotAllowed",
                ),
                refused("another scope", &token(WRITE, AUDIENCE), "TokenClaimValueNotAllowed"),
                refused("signature changed", &with_wrong_signature(&good), "TokenSignatureInvalid"),
                refused("claims changed", &altered, "TokenSignatureInvalid"),
                Case::passes(format!("{algorithm}: again"), bearer(&good)),
            ],
        ));
    }
    keep_keys_secret(&envoy, &provider);
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn a_key_rotated_under_load_refuses_no_valid_token() {
    let provider = OpenIdProvider::start();
    let envoy = start(&provider);
    let load = Load::default();
    let first = provider.token("RS256", READ, AUDIENCE);
    envoy.passes("orders", Request::get("/").bearer(&first));

    thread::scope(|scope| {
        for algorithm in ["RS256", "ES256", "PS256", "RS256"] {
            scope.spawn(|| load.run(&envoy, &provider, algorithm));
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            load.wait_for_generation(1);
            load.change_keys(|| provider.rotate(false));
            load.wait_for_generation(2);
            // Its key is still published, though no longer used.
            envoy.passes("orders", Request::get("/").bearer(&first));
            // Within the interval of the refetch that the first change caused, nobody's new key is looked for.
            thread::sleep(2 * INTERVAL);
            load.change_keys(|| provider.rotate(true));
            load.wait_for_generation(3);
        }));
        // Else the scope would wait for the load for ever.
        load.stop.store(true, Ordering::SeqCst);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let refused = load.refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{}\n{}", refused.join("\n"), envoy.log_tail());

    let dropped = Refusal::of("TokenSignatureKeyNotFound");
    envoy.refuses("orders", Request::get("/").bearer(&first), dropped);
    envoy.passes("orders", Request::get("/").bearer(&provider.token("RS256", READ, AUDIENCE)));
    keep_keys_secret(&envoy, &provider);
}

#[test]
fn a_provider_that_starts_again_with_other_keys_refuses_no_valid_token() {
    let provider = OpenIdProvider::start();
    let envoy = start(&provider);
    let load = Load::default();
    let first = provider.token("RS256", READ, AUDIENCE);
    envoy.passes("orders", Request::get("/").bearer(&first));

    // While it is away, nothing is asked of it: who has a token is served.
    provider.stop();
    let away: Vec<_> = (0..50).map(|_| Case::passes("away", Request::get("/").bearer(&first))).collect();
    let wrong = envoy.try_all("orders", away);
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());

    provider.start_again(1);
    thread::scope(|scope| {
        for algorithm in ["RS256", "ES256", "PS256", "RS256"] {
            scope.spawn(|| load.run(&envoy, &provider, algorithm));
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load.wait_for_generation(2)));
        load.stop.store(true, Ordering::SeqCst);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let refused = load.refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{}\n{}", refused.join("\n"), envoy.log_tail());
    envoy.refuses("orders", Request::get("/").bearer(&first), Refusal::of("TokenSignatureKeyNotFound"));
    keep_keys_secret(&envoy, &provider);
}

/// Clients that fetch a fresh token for every request, and note each valid one that is refused.
#[derive(Debug, Default)]
struct Load {
    stop: AtomicBool,
    /// Odd while keys change: a token from before may then die on its way.
    changes: AtomicUsize,
    passed: Mutex<BTreeMap<String, usize>>,
    refused: Mutex<Vec<String>>,
}

impl Load {
    /// So many tokens of a key must have passed before the test goes on.
    const ENOUGH: usize = 10;

    fn run(&self, envoy: &Envoy, provider: &OpenIdProvider, algorithm: &str) {
        while !self.stop.load(Ordering::SeqCst) {
            let before = self.changes.load(Ordering::SeqCst);
            let token = provider.token(algorithm, READ, AUDIENCE);
            let kid = part(&token, 0)["kid"].as_str().unwrap().to_owned();
            let answered = envoy.send("orders", Request::get("/").bearer(&token));
            let after = self.changes.load(Ordering::SeqCst);
            if answered.by_upstream {
                *self.passed.lock().unwrap().entry(kid).or_default() += 1;
            } else if before == after && before.is_multiple_of(2) {
                let details = envoy.details(&answered.id);
                let status = answered.response.status;
                self.refused.lock().unwrap().push(format!("{kid}: {status} {details}"));
            }
        }
    }

    fn change_keys(&self, change: impl FnOnce()) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        change();
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until enough tokens of each of these keys have passed, or one was refused.
    fn wait_for_generation(&self, generation: usize) {
        wait_until(&format!("tokens of generation {generation} that pass"), || {
            let passed = self.passed.lock().unwrap();
            let enough = |name: &str| passed.get(&format!("{name}-{generation}")) >= Some(&Self::ENOUGH);
            (enough("rsa") && enough("p256")) || !self.refused.lock().unwrap().is_empty()
        });
    }
}

/// No log quotes the provider's keys either.
fn keep_keys_secret(envoy: &Envoy, provider: &OpenIdProvider) {
    let document: Value = provider.key_set();
    for key in document["keys"].as_array().unwrap() {
        for member in ["n", "x", "y"] {
            if let Some(value) = key[member].as_str() {
                envoy.keep_secret(value);
            }
        }
    }
}
