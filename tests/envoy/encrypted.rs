//! Encrypted tokens (`decryption-keys`): those that npm `jose` makes, by every algorithm; one refusal whatever fails; and a
//! flood of them, which must not take the worker from everybody else.

use crate::support::artifacts::project;
use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, replace_part, with, with_wrong_signature};
use crate::support::deadline::{wait_for, wait_until};
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::jwe::{Recipient, seal};
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::Instant;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// RSA operations of a worker in one second.
const RATION: usize = 16;

fn fixture(name: &str) -> String {
    let path = project().join("tests/fixtures/certificates").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `encrypt.mjs` prints: keys, and tokens by every algorithm.
fn tokens_of_jose() -> Value {
    let script = project().join("tests/openid-provider/encrypt.mjs");
    let output = Command::new("node").arg(&script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sends a request until it is not one too many for its second.
fn in_time(envoy: &Envoy, listener: &str, request: &Request) -> Answered {
    wait_for("an RSA operation that is left", || {
        let answered = envoy.send(listener, request.clone());
        (envoy.details(&answered.id) != "validate_jwt{DecryptionUnavailable}").then_some(answered)
    })
}

#[test]
fn tokens_of_jose_pass_by_every_algorithm() {
    let jose = tokens_of_jose();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secrets = jose["secrets"].as_array().unwrap();
    let secret_keys = secrets.iter().map(|secret| json!({ "value": secret }));
    let decryption_keys: Vec<Value> = secret_keys.chain([json!({ "certificate-id": "rsa" })]).collect();
    let policy = |signed: bool| {
        json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "issuer-signing-keys": [{ "value": jose["signingSecret"] }],
                "decryption-keys": decryption_keys,
                "issuers": ["https://issuer.example"],
                "require-expiration-time": false,
                "require-signed-tokens": signed,
                "output-token-variable-name": "jwt",
            },
            "certificates": { "rsa": { "private-key-from-env": "PRIVATE_KEY" } },
        })
    };
    let setup = Setup::new()
        .environment("PRIVATE_KEY", jose["rsa"]["pkcs8"].as_str().unwrap())
        .column("%FILTER_STATE(wasm.jwt:PLAIN)%")
        .listener("signed", policy(true))
        .listener("unsigned", policy(false));
    let envoy = Envoy::start(&setup);
    for secret in secrets {
        envoy.keep_secret(secret.as_str().unwrap());
    }
    envoy.keep_secret(jose["signingSecret"].as_str().unwrap());
    envoy.keep_secret(jose["signed"].as_str().unwrap());

    let mut wrong = Vec::new();
    let mut judge = |listener: &str, name: String, token: &Value, expected: Option<&str>| {
        let answered = in_time(&envoy, listener, &Request::get("/").bearer(&text(token)));
        if let Err(fault) = envoy.judge(&answered, expected.map(Refusal::of)) {
            wrong.push(format!("{listener}, {name}: {fault}"));
        }
        if expected.is_none() {
            let claims = &envoy.access_log().entry(&answered.id).columns[0];
            if serde_json::from_str::<Value>(claims).ok().as_ref() != Some(&jose["claims"]) {
                wrong.push(format!("{listener}, {name}: claims {claims}"));
            }
        }
    };
    let known = jose["known"].as_array().unwrap();
    assert_eq!(known.len(), 6 * 6);
    for token in known {
        let name = |kind: &str| format!("{} {}, {kind}", token["alg"], token["enc"]);
        judge("signed", name("signed"), &token["nested"], None);
        judge("unsigned", name("unsigned"), &token["unsigned"], None);
    }
    // Of each way to manage keys, one is enough for what the others share.
    for token in known.iter().filter(|token| token["enc"] == "A128CBC-HS256") {
        let name = |kind: &str| format!("{} {}, {kind}", token["alg"], token["enc"]);
        judge("signed", name("unsigned"), &token["unsigned"], Some("JwtInvalid"));
        judge("unsigned", name("signed"), &token["nested"], None);
    }
    for token in jose["refused"].as_array().unwrap() {
        let name = format!("{} {}", token["alg"], token["enc"]);
        judge("signed", name.clone(), &token["nested"], Some("TokenDecryptionFailed"));
        judge("unsigned", name, &token["unsigned"], Some("TokenDecryptionFailed"));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

/// A tenant whose API gets its tokens encrypted, and Envoy before it.
struct Tenant {
    envoy: Envoy,
    authority: Authority,
    recipient: Recipient,
    _provider: IdentityProvider,
}

impl Tenant {
    fn start() -> Self {
        let provider = IdentityProvider::start();
        let authority = Authority::entra(TENANT);
        authority.publish(&provider);
        authority.version_1().publish(&provider);
        let policy = json!({
            "validate-azure-ad-token": {
                "tenant-id": TENANT,
                "audiences": ["api"],
                "decryption-keys": [{ "certificate-id": "api" }],
            },
            "certificates": { "api": { "certificate": fixture("rsa.pem"), "private-key-from-env": "PRIVATE_KEY" } },
            "default-cluster": "entra",
        });
        let private_key = fixture("rsa.key.pem");
        let setup = Setup::new()
            .environment("PRIVATE_KEY", &private_key)
            .cluster("entra", provider.address())
            .listener("api", policy);
        let envoy = Envoy::start(&setup);
        for line in private_key.lines().filter(|line| line.len() == 64) {
            envoy.keep_secret(line);
        }
        Self { envoy, authority, recipient: Recipient::of(&private_key), _provider: provider }
    }

    fn signed(&self) -> String {
        self.authority.token(&self.claims())
    }

    fn claims(&self) -> Value {
        in_force(&json!({ "iss": self.authority.issuer, "aud": "api", "tid": TENANT, "ver": "2.0" }))
    }

    fn encrypted(&self, plaintext: &str) -> String {
        self.recipient.seal("RSA-OAEP-256", &json!({}), plaintext.as_bytes())
    }
}

fn refused(name: &str, token: &str, reason: &'static str) -> Case<'static> {
    let request = Request::get("/").bearer(token);
    Case::refused(name, request, Refusal::saying(reason, "Invalid Azure AD JWT"))
}

#[test]
fn tokens_of_entra_pass_and_every_fault_looks_the_same_to_the_client() {
    let tenant = Tenant::start();
    let signed = tenant.signed();
    let seal = |alg: &str, header: Value| tenant.recipient.seal(alg, &header, signed.as_bytes());
    let good = seal("RSA-OAEP-256", json!({}));
    let changed = |part: usize| {
        let mut bytes = URL_SAFE_NO_PAD.decode(good.split('.').nth(part).unwrap()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        replace_part(&good, part, &URL_SAFE_NO_PAD.encode(bytes))
    };
    let other = Recipient::of(&fixture("other.key.pem"));
    let stranger = Authority::entra(TENANT);
    let expired = tenant.authority.token(&with(&tenant.claims(), "exp", json!(now() - 60)));
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), signed.split('.').nth(1).unwrap());
    let passes = |name: &str, token: &str| Case::passes(name, Request::get("/").bearer(token));
    let decryption = "TokenDecryptionFailed";
    let cases = vec![
        passes("RSA-OAEP-256", &good),
        passes("RSA-OAEP", &seal("RSA-OAEP", json!({}))),
        passes("a key id that nothing has", &seal("RSA-OAEP", json!({ "kid": "nothing" }))),
        passes("not encrypted at all", &signed),
        refused("RSA1_5", &seal("RSA1_5", json!({})), decryption),
        refused("RSA1_5 that calls itself OAEP", &seal("RSA1_5", json!({ "alg": "RSA-OAEP" })), decryption),
        refused("OAEP with another hash", &seal("RSA-OAEP", json!({ "alg": "RSA-OAEP-256" })), decryption),
        refused("for another", &other.seal("RSA-OAEP", &json!({}), signed.as_bytes()), decryption),
        refused("zip", &seal("RSA-OAEP", json!({ "zip": "DEF" })), decryption),
        refused("crit", &seal("RSA-OAEP", json!({ "crit": ["exp"], "exp": 1 })), decryption),
        refused("another enc", &seal("RSA-OAEP", json!({ "enc": "A128GCM" })), decryption),
        refused(
            "an enc of the other family",
            &seal("RSA-OAEP", json!({ "enc": "A256CBC-HS512" })),
            decryption,
        ),
        refused("an unknown enc", &seal("RSA-OAEP", json!({ "enc": "none" })), decryption),
        refused("dir with a key", &seal("RSA-OAEP", json!({ "alg": "dir" })), decryption),
        refused("header changed", &changed(0), decryption),
        refused("encrypted key changed", &changed(1), decryption),
        refused("nonce changed", &changed(2), decryption),
        refused("ciphertext changed", &changed(3), decryption),
        refused("tag changed", &changed(4), decryption),
        refused("no encrypted key", &replace_part(&good, 1, ""), decryption),
        refused("no nonce", &replace_part(&good, 2, ""), decryption),
        refused("no tag", &replace_part(&good, 4, ""), decryption),
        refused("half a tag", &replace_part(&good, 4, "AAAAAAAAAA"), decryption),
        refused("noise", &tenant.recipient.noise(), decryption),
        refused("claims that nobody signed", &tenant.encrypted(&tenant.claims().to_string()), "JwtInvalid"),
        refused("alg none inside", &tenant.encrypted(&none), "TokenAlgorithmNotAllowed"),
        refused("encrypted twice", &tenant.encrypted(&good), "JwtInvalid"),
        refused("nothing inside", &tenant.encrypted(""), "JwtInvalid"),
        refused("bytes inside", &tenant.recipient.seal("RSA-OAEP", &json!({}), &[0xff; 100]), "JwtInvalid"),
        refused(
            "a stranger's inside",
            &tenant.encrypted(&stranger.token(&tenant.claims())),
            "TokenSignatureKeyNotFound",
        ),
        refused(
            "a bad signature inside",
            &tenant.encrypted(&with_wrong_signature(&signed)),
            "TokenSignatureInvalid",
        ),
        refused("expired inside", &tenant.encrypted(&expired), "TokenExpired"),
    ];
    let mut looks = Vec::new();
    let mut wrong = Vec::new();
    for Case { name, request, expected } in cases {
        let answered = in_time(&tenant.envoy, "api", &request);
        wrong.extend(tenant.envoy.judge(&answered, expected).err().map(|fault| format!("{name}: {fault}")));
        if expected.is_some() {
            let headers = answered.response.headers.iter().filter(|(name, _)| *name != "date");
            let headers: Vec<_> = headers
                .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
                .collect();
            looks.push((answered.response.status, headers, answered.response.text()));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), tenant.envoy.log_tail());
    let differing = looks.iter().find(|look| *look != &looks[0]);
    assert_eq!(differing, None, "all others look like {:?}", looks[0]);
}

#[test]
fn a_flood_of_encrypted_tokens_is_held_back_and_others_are_not() {
    let tenant = Tenant::start();
    let (good, plain) = (tenant.encrypted(&tenant.signed()), Request::get("/").bearer(&tenant.signed()));
    let good = Request::get("/").bearer(&good);
    let envoy = &tenant.envoy;
    envoy.passes("api", good.clone());

    // What can be refused at sight costs nothing.
    let short = seal(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, &[1; 100], &[2; 32], b"short");
    for _ in 0..3 * RATION {
        let case = refused("short", &short, "TokenDecryptionFailed");
        envoy.refuses("api", case.request, case.expected.unwrap());
    }
    envoy.passes("api", good.clone());

    let start = Instant::now();
    let (mut tried, mut held_back) = (0, 0);
    for _ in 0..10 {
        // At once, or a slow machine would never come to the ration of a second.
        let noise = || Request::get("/").bearer(&tenant.recipient.noise());
        for pending in envoy.begin_all("api", (0..RATION).map(|_| noise()).collect()) {
            let answered = envoy.finish(pending);
            let refusal = if answered.response.status == 503 {
                held_back += 1;
                assert_eq!(answered.response.headers.text("retry-after"), Some("1"));
                Refusal { status: 503, reason: "DecryptionUnavailable", message: "Service unavailable." }
            } else {
                tried += 1;
                Refusal::saying("TokenDecryptionFailed", "Invalid Azure AD JWT")
            };
            envoy.judge(&answered, Some(refusal)).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        envoy.passes("api", plain.clone());
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap() + 2;
    assert!(tried >= RATION - 2 && tried <= RATION * seconds, "{tried} tried in {seconds} seconds");
    assert!(held_back > 0, "{tried} tried in {seconds} seconds");

    // A flood in one moment, then a good one: held back with it, or not; and surely not for longer than a second.
    let flood: Vec<_> = (0..3 * RATION)
        .map(|_| envoy.begin("api", Request::get("/").bearer(&tenant.recipient.noise())))
        .collect();
    for pending in flood {
        assert!(!envoy.finish(pending).by_upstream);
    }
    let start = Instant::now();
    wait_until("the next second", || envoy.send("api", good.clone()).by_upstream);
    let waited = start.elapsed().as_millis();
    assert!(waited < 3000, "{waited} ms");
    envoy.passes("api", plain);
}

#[test]
fn symmetric_keys_need_no_ration() {
    let (signing, wrapping) = (SigningKey::generate(Algorithm::Hs256).unwrap(), [0x3c; 32]);
    let policy = json!({
        "validate-jwt": {
            "query-parameter-name": "token",
            "issuer-signing-keys": [{ "value": STANDARD.encode(signing.secret().unwrap()) }],
            "decryption-keys": [{ "id": "direct", "value": STANDARD.encode(wrapping) }],
            "issuers": ["https://issuer.example"],
        },
    });
    let envoy = Envoy::start(&Setup::new().listener("api", policy));
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600 });
    let signed = signing.sign(&json!({}), &claims).unwrap();
    let token = seal(r#"{"alg":"dir","enc":"A256GCM","kid":"direct"}"#, &[], &wrapping, signed.as_bytes());
    let request = Request::get(&format!("/?token={token}")).secret(&token).secret(&signed);
    for _ in 0..5 * RATION {
        envoy.passes("api", request.clone());
    }
}
