//! `policies` on real requests: what each provider is asked, who waits and who does not.

mod rules;

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_until;
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn policy(header: &str, authority: &Authority, audience: &str) -> Value {
    json!({
        "validate-jwt": {
            "header-name": header,
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": [audience],
            "failed-validation-error-message": format!("Not for {audience}."),
        },
    })
}

fn inline_policy(header: &str, key: &SigningKey, message: &str) -> Value {
    json!({
        "validate-jwt": {
            "header-name": header,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
            "failed-validation-error-message": message,
            "required-claims": [{ "name": "scp", "values": ["orders.read"] }],
        },
    })
}

fn token(authority: &Authority, audience: &str) -> String {
    authority.token(&in_force(
        &json!({ "iss": authority.issuer, "aud": audience, "tid": TENANT, "ver": "2.0", "azp": "client" }),
    ))
}

fn inline_token(key: &SigningKey, scope: &str) -> String {
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600, "scp": scope });
    key.sign(&json!({}), &claims).unwrap()
}

fn expect(envoy: &Envoy, answered: &Answered, expected: Option<Refusal<'_>>) {
    envoy.judge(answered, expected).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn a_provider_that_many_policies_name_is_fetched_once() {
    let provider = IdentityProvider::start();
    let entra = Authority::entra(TENANT);
    let version_1 = entra.version_1();
    entra.publish(&provider);
    version_1.publish(&provider);
    let azure = |audience: &str| json!({ "validate-azure-ad-token": { "tenant-id": TENANT, "audiences": [audience] } });
    // The same place, spelled otherwise.
    let mut other = policy("X-Other", &entra, "four");
    let spelled =
        entra.configuration_url().replace("https://login", "https://LOGIN").replace(".com/", ".com:443/");
    other["validate-jwt"]["openid-config"][0]["url"] = json!(spelled);
    let configuration = json!({
        "policies": {
            "one": policy("Authorization", &entra, "one"),
            "two": policy("Authorization", &entra, "two"),
            "three": azure("three"),
            "four": other,
            "five": azure("five"),
            "any": { "any-of": ["one", "two", "three"] },
        },
        "rules": [
            { "match": { "path": "/one" }, "policy": "one" },
            { "match": { "path": "/two" }, "policy": "two" },
            { "match": { "path": "/three" }, "policy": "three" },
            { "match": { "path": "/four" }, "policy": "four" },
            { "match": { "path": "/any" }, "policy": "any" },
            { "match": {}, "policy": "five" },
        ],
        "default-cluster": "entra",
    });
    let setup = Setup::new().cluster("entra", provider.address()).listener("api", configuration);
    let envoy = Envoy::start(&setup);
    let calls = || {
        let of = |authority: &Authority| {
            let calls = |path: &str| provider.calls(&authority.host, path).len();
            [calls(&authority.configuration_path), calls(&authority.keys_path)]
        };
        [of(&entra), of(&version_1)].concat()
    };
    let get = |path: &str, audience: &str| Request::get(path).bearer(&token(&entra, audience));
    let in_header = |token: String| Request::get("/four").secret(&token).header("x-other", token);
    let refused = |name: &str, request, message| {
        Case::refused(name, request, Refusal::saying("TokenAudienceNotAllowed", message))
    };
    let wrong = envoy.try_all(
        "api",
        vec![
            Case::passes("one", get("/one", "one")),
            Case::passes("two", get("/two", "two")),
            Case::passes("three", get("/three", "three")),
            Case::passes("four", in_header(token(&entra, "four"))),
            Case::passes("five", get("/", "five")),
            Case::passes("any, the last", get("/any", "three")),
            refused("two for one", get("/one", "two"), "Not for one."),
            refused("one for four", in_header(token(&entra, "one")), "Not for four."),
            refused("none of any: the first answers", get("/any", "five"), "Not for one."),
            refused("one for five", get("/elsewhere", "one"), "Invalid Azure AD JWT"),
        ],
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
    assert_eq!(calls(), [1, 1, 1, 1]);
    // A key that nobody knows: one refetch for all policies that wait for it.
    let stranger = Authority::entra(TENANT);
    let waiting: Vec<_> = ["/one", "/two", "/three", "/any", "/", "/one"]
        .map(|path| envoy.begin("api", Request::get(path).bearer(&token(&stranger, "one"))))
        .into_iter()
        .collect();
    for pending in waiting {
        let answered = envoy.finish(pending);
        assert_eq!(envoy.details(&answered.id), "validate_jwt{TokenSignatureKeyNotFound}");
    }
    assert_eq!(calls()[..2], [2, 2]);
}

#[test]
fn composites_wait_only_for_what_can_still_decide() {
    let provider = IdentityProvider::start();
    let gate = Gate::default();
    let late = Authority::plain("late.example");
    late.publish(&provider);
    provider.set(&late.keys_host, &late.keys_path, Answer::json(&late.key_set()).behind(&gate));
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let (first, second) = (json!(["late", "inline"]), json!(["inline", "late"]));
    let configuration = json!({
        "policies": {
            "late": policy("Authorization", &late, "api"),
            "inline": inline_policy("X-Inline", &key, "No partner."),
            "any-late-first": { "any-of": first },
            "any-late-last": { "any-of": second },
            "all-late-first": { "all-of": first },
            "all-late-last": { "all-of": second },
        },
        "rules": [
            { "match": { "path-prefix": "/any/1" }, "policy": "any-late-first" },
            { "match": { "path-prefix": "/any/2" }, "policy": "any-late-last" },
            { "match": { "path-prefix": "/all/1" }, "policy": "all-late-first" },
            { "match": { "path-prefix": "/all/2" }, "policy": "all-late-last" },
            { "match": {}, "policy": "late" },
        ],
        "default-cluster": "provider",
        "fetch": { "timeout": "1m" },
    });
    let setup = Setup::new().cluster("provider", provider.address()).listener("api", configuration);
    let envoy = Envoy::start(&setup);
    let good = token(&late, "api");
    let (partner, other_scope) = (inline_token(&key, "orders.read"), inline_token(&key, "other"));
    let get = |path: &str| Request::get(path).bearer(&good).secret(&partner).secret(&other_scope);
    let scope = || Refusal::saying("TokenClaimValueNotAllowed", "No partner.");
    for place in ["1", "2"] {
        // What the inline keys can decide alone is decided at once.
        envoy.passes("api", get(&format!("/any/{place}")).header("x-inline", &partner));
        envoy.refuses("api", get(&format!("/all/{place}")).header("x-inline", &other_scope), scope());
        let missing = Refusal::saying("TokenNotPresent", "No partner.");
        envoy.refuses("api", get(&format!("/all/{place}")), missing);
    }
    let begin = |path: String, inline: &str| envoy.begin("api", get(&path).header("x-inline", inline));
    let wait = ["1", "2"].map(|place| {
        [
            (begin(format!("/any/{place}"), &other_scope), None),
            (begin(format!("/any/{place}"), "nonsense"), None),
            (begin(format!("/all/{place}"), &partner), None),
        ]
    });
    let stranger = token(&Authority::plain("late.example"), "api");
    let by_stranger = |path: &str, inline: &str| {
        envoy.begin("api", Request::get(path).bearer(&stranger).secret(inline).header("x-inline", inline))
    };
    let unknown = Refusal::saying("TokenSignatureKeyNotFound", "Not for api.");
    let refused = [
        // In an `any-of` the token that came furthest answers.
        (by_stranger("/any/1", &other_scope), Some(scope())),
        (by_stranger("/any/2", &other_scope), Some(scope())),
        (by_stranger("/all/1", &partner), Some(unknown)),
        (by_stranger("/all/2", &partner), Some(unknown)),
    ];
    let active = || envoy.statistics("http.api.downstream_rq_active")["http.api.downstream_rq_active"];
    wait_until("ten wait", || active() == 10);
    for (pending, _) in wait.iter().flatten().chain(&refused) {
        assert!(pending.connection.is_silent(), "request {} did not wait", pending.id);
    }
    gate.open();
    for (pending, expected) in wait.into_iter().flatten().chain(refused) {
        let answered = envoy.finish(pending);
        expect(&envoy, &answered, expected);
    }
}
