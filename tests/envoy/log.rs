//! What the filter writes into Envoy's log and into the access log: why it refused, for every reason, what may explain it,
//! and never what would be of use to a thief.

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, with_wrong_signature, without};
use crate::support::deadline::{poll, wait_until};
use crate::support::envoy::Envoy;
use crate::support::http_client::{Request, exchange};
use crate::support::identity_provider::IdentityProvider;
use crate::support::light_and_dark::{LightAndDark, claims, policy};
use serde_json::{Value, json};
use std::time::Duration;
use validate_jwt::hint::Hint;

/// A private claim: personal data, and no line needs it.
const PERSON: &str = "somebody-with-a-name@contoso.example";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn every_refusal_can_be_logged_and_no_line_holds_a_secret() {
    let LightAndDark { envoy, light, dark, .. } = &LightAndDark::start();
    for member in ["x", "y"] {
        envoy.keep_secret(light.key().jwk()[member].as_str().unwrap());
    }
    envoy.keep_secret(PERSON);

    let claims = with(&with(&claims(light), "upn", json!(PERSON)), "sub", json!(PERSON));
    let good = light.token(&claims);
    let changed = |name: &str, value: Value| light.token(&with(&claims, name, value));
    let stranger = Authority::plain("light.example");
    let unsigned = json!({ "alg": "none", "kid": light.key().kid() });
    let cases = [
        ("api", "JwtInvalid", format!("{good}.{good}")),
        ("api", "JwtInvalid", light.key().sign_raw(br#"{"alg":"ES256"}"#, PERSON.as_bytes()).unwrap()),
        ("api", "TokenAlgorithmNotAllowed", light.key().sign(&unsigned, &claims).unwrap()),
        ("api", "TokenSignatureKeyNotFound", stranger.token(&claims)),
        ("api", "TokenSignatureInvalid", with_wrong_signature(&good)),
        ("api", "TokenExpired", changed("exp", json!(now() - 60))),
        ("api", "TokenNotYetValid", changed("nbf", json!(now() + 60))),
        ("api", "TokenExpirationMissing", light.token(&without(&claims, "exp"))),
        ("api", "TokenIssuerNotAllowed", changed("iss", json!(format!("https://{PERSON}/{PERSON}")))),
        ("api", "TokenAudienceNotAllowed", changed("aud", json!(PERSON))),
        ("api", "TokenClaimNotFound", light.token(&without(&claims, "roles"))),
        ("api", "TokenClaimValueNotAllowed", changed("roles", json!([PERSON]))),
        ("dark", "DiscoveryUnavailable", dark.token(&with(&claims, "iss", json!(dark.issuer)))),
    ];
    for (listener, reason, token) in &cases {
        logs(envoy, listener, reason, || Request::get("/").bearer(token));
    }
    logs(envoy, "api", "TokenNotPresent", || Request::get("/"));
    let basic = format!("Basic {PERSON}");
    logs(envoy, "api", "TokenNotPresent", || Request::get("/").header("authorization", &basic));
}

#[test]
fn a_refusal_has_one_line_with_what_may_be_known_of_the_token() {
    let LightAndDark { envoy, light, .. } = &LightAndDark::start();
    let kid = light.key().kid().unwrap();
    let expired = light.token(&with(&claims(light), "exp", json!(now() - 60)));
    let forgery = "k\", issuer host \"x\"\nrefused: all; alg \"none";
    let strange = json!({ "kid": forgery, "alg": "ES256" });
    let strange = light.key().sign(&strange, &claims(light)).unwrap();
    for (token, reason, of_token) in [
        (&expired, "TokenExpired", format!(r#"alg "ES256", kid "{kid}", issuer host "light.example""#)),
        (
            &strange,
            "TokenSignatureKeyNotFound",
            r#"alg "ES256", kid "k\", issuer host \"x\"\nrefused: all; alg \"none", issuer host "light.example""#.to_owned(),
        ),
    ] {
        let line = logs(envoy, "api", reason, || Request::get("/").bearer(token));
        assert!(line.contains(&format!("; policy validate-jwt; {of_token}")), "{line}");
    }
}

#[test]
fn a_flood_of_refusals_leaves_lines_out_and_says_how_many() {
    const REQUESTS: usize = 60;
    let LightAndDark { envoy, .. } = &LightAndDark::start();
    let lines = || refusals(envoy, "TokenNotPresent");
    for _ in 0..REQUESTS {
        envoy.send("api", Request::get("/"));
    }
    let before = lines().len();
    assert!(before < REQUESTS / 2, "{before} lines for {REQUESTS} requests");
    let mut sent = REQUESTS;
    wait_until("a line tells of those that were left out", || {
        envoy.send("api", Request::get("/"));
        sent += 1;
        poll(Duration::from_millis(200), || (lines().len() > before).then_some(())).is_some()
    });
    let left_out = |line: &String| -> usize {
        let count =
            line.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(" lines left out before this)"));
        count.map_or(0, |count| count.parse().unwrap())
    };
    let lines = lines();
    assert_eq!(lines.len() + lines.iter().map(left_out).sum::<usize>(), sent, "{lines:#?}");
}

#[test]
fn the_checks_of_a_request_are_logged_at_the_level_trace_for_who_asks_for_them() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("light.example");
    authority.publish(&provider);
    let setup = Setup::new().cluster("provider", provider.address()).listener("api", policy(&authority));
    let setup = setup.environment("VALIDATE_JWT_LOG", "trace");
    let envoy = Envoy::start(&setup);
    let level = exchange(envoy.admin(), &Request::new("POST", "/logging?wasm=trace")).unwrap();
    assert_eq!(level.status, 200);

    let claims = with(&claims(&authority), "upn", json!(PERSON));
    envoy.keep_secret(PERSON);
    envoy.passes("api", Request::get("/").bearer(&authority.token(&claims)));
    let foreign = authority.token(&with(&claims, "aud", json!("another")));
    logs(&envoy, "api", "TokenAudienceNotAllowed", || Request::get("/").bearer(&foreign));
    let passed = "checks of policy validate-jwt: token pass, size pass, structure pass, alg pass, iss pass, key pass, signature \
                  pass, exp pass, aud ";
    for rest in ["pass, claims pass", "FAIL (no `aud` is in `audiences`), claims not reached"] {
        let line = format!("{passed}{rest}");
        wait_until(&format!("a line `{line}`"), || {
            envoy.log().lines().any(|logged| logged.contains("[trace]") && logged.ends_with(&line))
        });
    }
}

#[test]
fn a_policy_that_only_reports_says_so_in_both_logs() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("light.example");
    authority.publish(&provider);
    let policy = with(&policy(&authority), "options", json!({ "report-only": true }));
    let setup = Setup::new().cluster("provider", provider.address()).listener("api", policy);
    let envoy = Envoy::start(&setup);
    let claims = claims(&authority);
    let reported = |request| {
        let answered = envoy.passes("api", request);
        envoy.access_log().entry(&answered.id).reported
    };

    // It does not wait for keys, so what comes early is reported as unavailable.
    let good = authority.token(&claims);
    wait_until("the keys are there", || reported(Request::get("/").bearer(&good)).is_none());
    let expired = authority.token(&with(&claims, "exp", json!(now() - 60)));
    for (reason, request) in
        [("TokenNotPresent", Request::get("/")), ("TokenExpired", Request::get("/").bearer(&expired))]
    {
        assert_eq!(reported(request).as_deref(), Some(reason));
        let line = format!("would be refused: {reason}: ");
        wait_until(&format!("a line `{line}`"), || envoy.log().contains(&line));
    }
    assert_eq!(reported(Request::get("/").bearer(&good)), None);
}

/// A listener's policy, the token that it refuses, and what the log says beside the reason.
struct Trap {
    listener: &'static str,
    reason: &'static str,
    hint: Hint,
    /// The host of the token's issuer.
    host: &'static str,
    token: String,
    kid: String,
}

#[test]
fn the_traps_of_entra_are_explained() {
    let provider = IdentityProvider::start();
    let v2 = Authority::entra(TENANT);
    let mut v1 = Authority::entra(TENANT);
    v1.issuer = format!("https://sts.windows.net/{TENANT}/");
    v1.configuration_path = format!("/{TENANT}/.well-known/openid-configuration");
    v1.keys_path = format!("/{TENANT}/discovery/keys");
    let (b2c, external_id) =
        (Authority::b2c("contoso", TENANT, "B2C_1_si"), Authority::external_id("contoso", TENANT));
    for authority in [&v1, &v2] {
        authority.publish(&provider);
    }
    let jwt = |authority: &Authority| {
        let required = json!([{ "name": "groups", "values": ["11112222-3333-4444-5555-666677778888"] }]);
        json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "openid-config": [{ "url": authority.configuration_url() }],
                "audiences": ["api://orders"],
                "required-claims": required,
            },
            "default-cluster": "provider",
        })
    };
    let entra = json!({
        "validate-azure-ad-token": { "tenant-id": TENANT, "audiences": ["api://orders"] },
        "default-cluster": "provider",
    });
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .listener("v2", jwt(&v2))
        .listener("v1", jwt(&v1))
        .listener("entra", entra);
    let envoy = Envoy::start(&setup);
    envoy.keep_secret(PERSON);

    let of = |authority: &Authority, more: Value| {
        let claims = json!({ "iss": authority.issuer, "tid": TENANT, "aud": "api://orders", "upn": PERSON });
        let mut claims = in_force(&claims);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let trap = |listener, reason, hint, host, authority: &Authority, more| {
        let token = authority.token(&of(authority, more));
        Trap { listener, reason, hint, host, token, kid: authority.key().kid().unwrap().to_owned() }
    };
    let (login, sts) = ("login.microsoftonline.com", "sts.windows.net");
    let overage = json!({
        "_claim_names": { "groups": "src1" },
        "_claim_sources": { "src1": { "endpoint": format!("https://graph.windows.net/{PERSON}/getMemberObjects") } },
    });
    let id_token = json!({ "aud": PERSON, "nonce": PERSON });
    let graph = json!({ "aud": "00000003-0000-0000-c000-000000000000" });
    // Graph's own tokens are signed over another header than the one that they show.
    let nonce = v2.key().sign(&json!({ "typ": "JWT", "nonce": PERSON }), &of(&v2, graph.clone())).unwrap();
    let graph_token = Trap {
        token: with_wrong_signature(&nonce),
        ..trap("v2", "TokenSignatureInvalid", Hint::Graph, login, &v2, json!({}))
    };
    for trap in [
        graph_token,
        trap("v2", "TokenAudienceNotAllowed", Hint::Graph, login, &v2, graph),
        trap("v2", "TokenAudienceNotAllowed", Hint::IdToken, login, &v2, id_token),
        trap("v2", "TokenClaimNotFound", Hint::GroupsOverage, login, &v2, overage),
        trap("v2", "TokenClaimNotFound", Hint::GroupsOverage, login, &v2, json!({ "hasgroups": true })),
        trap("v2", "TokenIssuerNotAllowed", Hint::VersionOne, sts, &v1, json!({})),
        trap("v1", "TokenIssuerNotAllowed", Hint::VersionTwo, login, &v2, json!({})),
        trap("entra", "TokenIssuerNotAllowed", Hint::B2c, "contoso.b2clogin.com", &b2c, json!({})),
        trap(
            "entra",
            "TokenIssuerNotAllowed",
            Hint::ExternalId,
            "11111111-2222-3333-4444-555555555555.ciamlogin.com",
            &external_id,
            json!({}),
        ),
    ] {
        let Trap { listener, reason, hint, host, token, kid } = trap;
        let line = logs(&envoy, listener, reason, || Request::get("/").bearer(&token));
        let end = format!(r#"; alg "RS256", kid "{kid}", issuer host "{host}"; hint: {hint}"#);
        assert!(line.contains(&end), "{hint:?} is not in: {line}");
    }
    // Without groups there is no hint about too many of them.
    let plain = trap("v2", "TokenClaimNotFound", Hint::GroupsOverage, login, &v2, json!({}));
    let line = logs(&envoy, plain.listener, plain.reason, || Request::get("/").bearer(&plain.token));
    assert!(!line.contains("hint"), "{line}");
}

/// The lines about requests that were refused for this reason.
fn refusals(envoy: &Envoy, reason: &str) -> Vec<String> {
    let beginning = format!(": refused: {reason}: ");
    envoy.log().lines().filter(|line| line.contains(&beginning)).map(str::to_owned).collect()
}

/// Sends the request until its refusal is in the log, and returns the line: of many in a second, some are left out.
fn logs(envoy: &Envoy, listener: &str, reason: &str, request: impl Fn() -> Request) -> String {
    let before = refusals(envoy, reason).len();
    let mut line = None;
    wait_until(&format!("a line about {reason}"), || {
        let answered = envoy.send(listener, request());
        assert_eq!(envoy.details(&answered.id), format!("validate_jwt{{{reason}}}"));
        line = poll(Duration::from_millis(200), || refusals(envoy, reason).into_iter().nth(before));
        line.is_some()
    });
    line.unwrap()
}
