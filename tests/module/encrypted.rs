//! Encrypted tokens in virtual time: how many RSA operations a request costs, and what the ration of a second holds back.

use crate::host::{Host, Request, StreamId};
use crate::jwe::Recipient;
use crate::provider::{
    AUDIENCE, DISCOVERY, HOST, ISSUER, MILLISECOND, Provider, SECOND, claims, ec_key, next_rsa_key, policy,
    rsa_key, token,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const PRIVATE_KEY: &str = include_str!("../fixtures/certificates/rsa.key.pem");
const OTHER_PRIVATE_KEY: &str = include_str!("../fixtures/certificates/other.key.pem");
/// RSA operations of a VM in one second.
const RATION: usize = 16;

/// The usual policy, which decrypts, and each token anew.
fn decrypting_policy() -> Value {
    let mut policy = policy();
    policy["token-cache"] = json!({ "max-bytes": 0 });
    policy["validate-jwt"]["decryption-keys"] = json!([{ "certificate-id": "api" }]);
    policy["certificates"] = json!({ "api": { "private-key": PRIVATE_KEY } });
    policy
}

fn host(provider: &Provider, policy: &Value) -> Host {
    let mut setup = provider.setup(policy);
    let lines = PRIVATE_KEY.lines().chain(OTHER_PRIVATE_KEY.lines());
    setup.secrets.extend(lines.filter(|line| line.len() == 64).map(|line| line.as_bytes().to_vec()));
    Host::start(setup)
}

fn seal(pem: &str, header: &Value, key: &SigningKey) -> String {
    Recipient::of(pem).seal("RSA-OAEP-256", header, token(key).as_bytes())
}

fn send(host: &mut Host, token: &str) -> StreamId {
    host.request(Request::with_token(token))
}

#[test]
fn a_request_that_waits_for_keys_is_decrypted_once() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(100 * MILLISECOND);
    let mut host = host(&provider, &decrypting_policy());
    let good = seal(PRIVATE_KEY, &json!({}), rsa_key());
    let waiting: Vec<_> = (0..RATION).map(|_| send(&mut host, &good)).collect();
    // The ration is spent: were one of those decrypted again, it would be held back like this one.
    let one_too_many = send(&mut host, &good);
    let reply = host.assert_refused(one_too_many, 503, "DecryptionUnavailable");
    assert_eq!(reply.header("retry-after").as_deref(), Some("1"));
    for stream in &waiting {
        host.assert_paused(*stream);
    }
    host.advance(500 * MILLISECOND);
    for stream in &waiting {
        host.assert_allowed(*stream);
    }

    // A key that is not there yet: decided three times, decrypted once.
    host.advance(SECOND);
    provider.set_keys(&[next_rsa_key()]);
    let newer = seal(PRIVATE_KEY, &json!({}), next_rsa_key());
    let waiting: Vec<_> = (0..RATION).map(|_| send(&mut host, &newer)).collect();
    for stream in &waiting {
        host.assert_paused(*stream);
    }
    host.advance(500 * MILLISECOND);
    for stream in &waiting {
        host.assert_allowed(*stream);
    }
    let held_back = send(&mut host, &newer);
    host.assert_refused(held_back, 503, "DecryptionUnavailable");
    host.advance(600 * MILLISECOND);
    let next_second = send(&mut host, &newer);
    host.assert_allowed(next_second);
}

#[test]
fn a_flood_spends_the_ration_of_its_second_and_nothing_else() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = host(&provider, &decrypting_policy());
    host.warm_up();
    let recipient = Recipient::of(PRIVATE_KEY);
    let (good, plain) = (seal(PRIVATE_KEY, &json!({}), rsa_key()), token(rsa_key()));
    for _ in 0..3 {
        for number in 0..3 * RATION {
            let stream = send(&mut host, &recipient.noise());
            if number < RATION {
                host.assert_refused(stream, 401, "TokenDecryptionFailed");
            } else {
                host.assert_refused(stream, 503, "DecryptionUnavailable");
            }
        }
        let held_back = send(&mut host, &good);
        host.assert_refused(held_back, 503, "DecryptionUnavailable");
        let by_grpc = host.request(Request::with_token(&good).grpc());
        assert_eq!(host.reply(by_grpc).grpc_status, Some(14));
        // What needs no private key, and what can be refused without it.
        let stream = send(&mut host, &plain);
        host.assert_allowed(stream);
        let stream = send(&mut host, &recipient.seal("RSA-OAEP", &json!({ "alg": "RSA1_5" }), b"x"));
        host.assert_refused(stream, 401, "TokenDecryptionFailed");
        let stream = send(&mut host, "a.b.c.d.e");
        host.assert_refused(stream, 401, "TokenDecryptionFailed");
        host.advance(SECOND);
    }
    let next_second = send(&mut host, &good);
    host.assert_allowed(next_second);
}

/// Two policies that decrypt, and each token anew, each with its own private key or both with the first, and their composites.
fn two_policies(second: &str) -> Value {
    let single = |header: &str, certificate: &str, id: &str| {
        json!({
            "validate-jwt": {
                "header-name": header,
                "openid-config": [{ "url": format!("https://{HOST}{DISCOVERY}") }],
                "audiences": [AUDIENCE],
                "decryption-keys": [{ "id": id, "certificate-id": certificate }],
            },
        })
    };
    json!({
        "policies": {
            "one": single("Authorization", "first", "first-key"),
            "two": single("Authorization", second, "second-key"),
            "any": { "any-of": ["one", "two"] },
            "all": { "all-of": ["one", "two"] },
        },
        "rules": [
            { "match": { "path-prefix": "/all" }, "policy": "all" },
            { "match": {}, "policy": "any" },
        ],
        "certificates": {
            "first": { "private-key": PRIVATE_KEY },
            "second": { "private-key": OTHER_PRIVATE_KEY },
        },
        "clusters": { HOST: "idp" },
        "token-cache": { "max-bytes": 0 },
    })
}

#[test]
fn policies_with_one_private_key_share_the_operation() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = host(&provider, &two_policies("first"));
    host.warm_up();
    let good = seal(PRIVATE_KEY, &json!({}), rsa_key());
    for _ in 0..RATION {
        let stream = host.request(Request::get("/all").bearer(&good));
        host.assert_allowed(stream);
    }
    let stream = host.request(Request::get("/all").bearer(&good));
    host.assert_refused(stream, 503, "DecryptionUnavailable");
}

#[test]
fn any_of_takes_the_token_of_the_policy_whose_private_key_it_names() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = host(&provider, &two_policies("second"));
    host.warm_up();
    for (pem, kid) in [(PRIVATE_KEY, "first-key"), (OTHER_PRIVATE_KEY, "second-key")] {
        host.about = kid.to_owned();
        let good = seal(pem, &json!({ "kid": kid }), rsa_key());
        let stream = send(&mut host, &good);
        host.assert_allowed(stream);
    }
    host.about = "the first key's name on a token for the second".to_owned();
    let stream = send(&mut host, &seal(OTHER_PRIVATE_KEY, &json!({ "kid": "first-key" }), rsa_key()));
    host.assert_refused(stream, 401, "TokenDecryptionFailed");
}

#[test]
fn all_of_has_room_for_one_encrypted_token() {
    let provider = Provider::new(&[rsa_key()]);
    let mut configuration = two_policies("first");
    configuration["policies"]["two"]["validate-jwt"]["header-name"] = json!("X-Other");
    let host = Host::boot(provider.setup(&configuration));
    assert!(!host.configured);
    let told = |line: &str| {
        line.contains("policies.all.all-of[1]: decrypts with a private key what stands at another place")
    };
    assert!(host.log().iter().any(|line| told(&line.text)), "{:#?}", host.log());
}

#[test]
fn a_flood_does_not_shut_out_tokens_of_the_other_policy() {
    let provider = Provider::new(&[rsa_key()]);
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    let mut configuration = two_policies("first");
    configuration["policies"]["two"] = json!({
        "validate-jwt": {
            "header-name": "X-Other",
            "issuer-signing-keys": [{ "value": STANDARD.encode(secret.secret().unwrap()) }],
            "issuers": [ISSUER],
        },
    });
    let mut host = host(&provider, &configuration);
    host.warm_up();
    let (noise, other) = (Recipient::of(PRIVATE_KEY).noise(), secret.sign(&json!({}), &claims()).unwrap());
    for _ in 0..RATION {
        let stream = send(&mut host, &noise);
        host.assert_refused(stream, 401, "TokenDecryptionFailed");
    }
    let stream = send(&mut host, &noise);
    host.assert_refused(stream, 503, "DecryptionUnavailable");
    let stream = host.request(Request::with_token(&noise).header("x-other", &other));
    host.assert_allowed(stream);
}

#[test]
fn what_was_verified_before_is_not_decrypted_again() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = decrypting_policy();
    policy.as_object_mut().unwrap().remove("token-cache");
    let mut host = host(&provider, &policy);
    host.warm_up();
    let [good, other] = [(); 2].map(|()| seal(PRIVATE_KEY, &json!({}), rsa_key()));
    for _ in 0..2 * RATION {
        let stream = send(&mut host, &good);
        host.assert_allowed(stream);
    }
    for _ in 1..RATION {
        let stream = send(&mut host, &Recipient::of(PRIVATE_KEY).noise());
        host.assert_refused(stream, 401, "TokenDecryptionFailed");
    }
    let stream = send(&mut host, &other);
    host.assert_refused(stream, 503, "DecryptionUnavailable");
    let stream = send(&mut host, &good);
    host.assert_allowed(stream);
}

#[test]
fn two_plugins_of_one_vm_have_one_ration() {
    let provider = Provider::new(&[rsa_key(), ec_key()]);
    let mut host = host(&provider, &decrypting_policy());
    let second = host.add_root(decrypting_policy().to_string().as_bytes()).unwrap();
    host.advance(SECOND);
    let good = seal(PRIVATE_KEY, &json!({}), ec_key());
    for _ in 0..RATION / 2 {
        let stream = send(&mut host, &good);
        host.assert_allowed(stream);
        let stream = host.request_at(second, Request::with_token(&good));
        host.assert_allowed(stream);
    }
    let stream = host.request_at(second, Request::with_token(&good));
    host.assert_refused(stream, 503, "DecryptionUnavailable");
}

/// What is traced changes no decision: the second policy is not asked when the first one allows, and its token costs nothing.
#[test]
fn a_trace_spends_nothing_of_the_ration() {
    let provider = Provider::new(&[rsa_key()]);
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    let mut configuration = two_policies("first");
    configuration["policies"]["one"] = json!({
        "validate-jwt": {
            "header-name": "X-Other",
            "issuer-signing-keys": [{ "value": STANDARD.encode(secret.secret().unwrap()) }],
            "issuers": [ISSUER],
        },
    });
    let other = secret.sign(&json!({}), &claims()).unwrap();
    for level in ["info", "trace"] {
        let mut setup = provider.setup(&configuration);
        let lines = PRIVATE_KEY.lines().chain(OTHER_PRIVATE_KEY.lines());
        setup.secrets.extend(lines.filter(|line| line.len() == 64).map(|line| line.as_bytes().to_vec()));
        setup.environment = [("VALIDATE_JWT_LOG".to_owned(), level.to_owned())].into_iter().collect();
        let mut host = Host::start(setup);
        host.warm_up();
        host.about = level.to_owned();
        for _ in 0..RATION {
            let noise = Recipient::of(PRIVATE_KEY).noise();
            let stream = host.request(Request::with_token(&noise).header("x-other", &other));
            host.assert_allowed(stream);
        }
        let stream = send(&mut host, &seal(PRIVATE_KEY, &json!({}), rsa_key()));
        host.assert_allowed(stream);
    }
}
