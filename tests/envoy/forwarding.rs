//! What the upstream learns of a token (`options.forward`), and that no client can tell it so instead.

mod claims;

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with};
use crate::support::deadline::wait_until;
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::http_server::Received;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Every header that some policy of [`Gateway`] writes.
const WRITTEN: [&str; 5] = ["x-user-oid", "x-user-roles", "x-jwt-payload", "x-partner-id", "x-watched"];
/// What a client would gain by being believed.
const LIE: &str = "administrator";
/// Of Envoy's limit of 100 headers, as many as leave room for the others.
const MANY: usize = 80;

/// Staff with tokens in `Authorization`, partners with tokens in `X-Partner`, rules for both, and a provider that answers when
/// the test wants it.
struct Gateway {
    envoy: Envoy,
    gate: Gate,
    staff: SigningKey,
    partner: SigningKey,
    late: Authority,
    _provider: IdentityProvider,
}

impl Gateway {
    fn start() -> Self {
        let provider = IdentityProvider::start();
        let late = Authority::plain("late.example");
        late.publish(&provider);
        let gate = Gate::default();
        provider.set(&late.keys_host, &late.keys_path, Answer::json(&late.key_set()).behind(&gate));
        let secret = || SigningKey::generate(Algorithm::Hs256).unwrap();
        let (staff, partner) = (secret(), secret());
        let header = |claim: &str, header: &str| json!({ "claim": claim, "header": header });
        let for_staff = json!({
            "claims-to-headers": [header("oid", "X-User-Oid"), header("roles", "x-user-roles")],
            "payload-header": "x-jwt-payload",
        });
        let for_partners = json!({ "claims-to-headers": [header("sub", "x-partner-id")] });
        let policies = json!({
            "staff": inline_policy("Authorization", &staff, &for_staff),
            "partners": inline_policy("X-Partner", &partner, &for_partners),
            "watched": with(
                &inline_policy("Authorization", &staff, &Value::Null),
                "options",
                json!({ "report-only": true, "forward": { "claims-to-headers": [header("oid", "x-watched")] } }),
            ),
            "late": {
                "validate-jwt": {
                    "header-name": "Authorization",
                    "openid-config": [{ "url": late.configuration_url() }],
                    "audiences": ["api"],
                },
                "options": { "forward": for_staff },
            },
            "either": { "any-of": ["staff", "partners"] },
            "both": { "all-of": ["staff", "partners"] },
            "late-or-partners": { "any-of": ["late", "partners"] },
        });
        let prefix = |path: &str, policy: &str| json!({ "match": { "path-prefix": path }, "policy": policy });
        let configuration = json!({
            "policies": policies,
            "rules": [
                { "match": { "path": "/healthz" }, "allow-anonymous": true },
                { "match": { "path-prefix": "/catalog" }, "policy": "either", "allow-missing": true },
                prefix("/both", "both"),
                prefix("/either", "either"),
                prefix("/watched", "watched"),
                prefix("/late", "late"),
                prefix("/any-late", "late-or-partners"),
                { "match": {}, "policy": "staff" },
            ],
            "allow-cors-preflight": true,
            "default-cluster": "provider",
            "fetch": { "timeout": "1m" },
        });
        let setup = Setup::new().cluster("provider", provider.address()).listener("api", configuration);
        Self { envoy: Envoy::start(&setup), gate, staff, partner, late, _provider: provider }
    }

    fn staff_token(&self) -> String {
        self.staff.sign(&json!({}), &staff_claims()).unwrap()
    }

    fn partner_token(&self) -> String {
        let claims = in_force(&json!({ "iss": "https://issuer.example", "aud": "api", "sub": "contoso" }));
        self.partner.sign(&json!({}), &claims).unwrap()
    }

    fn late_token(&self) -> String {
        self.late.token(&with(&staff_claims(), "iss", json!(self.late.issuer)))
    }

    fn seen(&self, answered: &Answered) -> Received {
        self.envoy.judge(answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        self.envoy.upstream().seen(&answered.id).unwrap()
    }
}

fn staff_claims() -> Value {
    in_force(&json!({
        "iss": "https://issuer.example",
        "aud": "api",
        "oid": "0b0e0a5e-0000-4000-8000-000000000001",
        "roles": ["reader", "writer"],
    }))
}

fn inline_policy(header: &str, key: &SigningKey, forward: &Value) -> Value {
    let mut policy = json!({
        "validate-jwt": {
            "header-name": header,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
            "audiences": ["api"],
        },
    });
    if !forward.is_null() {
        policy["options"] = json!({ "forward": forward });
    }
    policy
}

/// What `token` makes of the headers of staff.
fn staff_headers(token: &str) -> Believed {
    let payload = token.split('.').nth(1).unwrap();
    [
        ("x-jwt-payload", payload),
        ("x-user-oid", "0b0e0a5e-0000-4000-8000-000000000001"),
        ("x-user-roles", "reader,writer"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Headers that a backend believes, in the order of their names.
type Believed = Vec<(String, String)>;

/// The headers of a request that a backend could take for one of [`WRITTEN`], however it is spelled.
fn believed(seen: &Received) -> Believed {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_ascii_lowercase();
    let headers = seen.headers.iter().filter(|(name, _)| WRITTEN.contains(&plain(name).as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect();
    headers.sort();
    headers
}

/// A way to add the lie to a request.
type Spoof = (&'static str, fn(Request) -> Request);

/// Every way in which a client may try to be believed.
fn spoofs() -> Vec<Spoof> {
    fn all(request: Request, spell: impl Fn(&str) -> String) -> Request {
        WRITTEN.iter().fold(request, |request, name| request.header(&spell(name), LIE))
    }
    vec![
        ("as they are written", |request| all(request, str::to_owned)),
        ("upper case", |request| all(request, str::to_ascii_uppercase)),
        ("underscores", |request| all(request, |name| name.replace('-', "_"))),
        ("upper case and underscores", |request| all(request, |name| name.replace('-', "_").to_uppercase())),
        ("one mark of two replaced", |request| all(request, |name| name.replacen('-', "_", 1))),
        ("dots", |request| all(request, |name| name.replace('-', "."))),
        ("twice", |request| all(all(request, str::to_owned), str::to_owned)),
        ("in both spellings", |request| {
            all(all(request, str::to_owned), |name| name.replace('-', "_").to_uppercase())
        }),
        ("empty", |request| WRITTEN.iter().fold(request, |request, name| request.header(name, ""))),
        ("bytes that are no text", |request| {
            WRITTEN.iter().fold(request, |request, name| request.header(name, b"\xff\xfe"))
        }),
        ("many copies", |request| (0..MANY).fold(request, |request, _| request.header("x-user-oid", LIE))),
        ("many copies of many spellings", |request| {
            (0..MANY).fold(request, |request, index| {
                let name: String = "x-user-oid"
                    .char_indices()
                    .map(
                        |(at, letter)| {
                            if index >> (at % 7) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
                        },
                    )
                    .collect();
                request.header(&if index % 2 == 0 { name.replace('-', "_") } else { name }, LIE)
            })
        }),
        // A hop-by-hop header is to be dropped by whoever forwards (RFC 9110 §7.6.1): not this one.
        ("named in Connection", |request| {
            all(request.header("connection", "close, x-user-oid, x-jwt-payload"), str::to_owned)
        }),
    ]
}

#[test]
fn no_client_is_believed_on_any_route() {
    let gateway = Gateway::start();
    let (staff, partner) = (gateway.staff_token(), gateway.partner_token());
    let preflight = || {
        let request = Request::new("OPTIONS", "/orders").header("origin", "https://app.example");
        request.header("access-control-request-method", "GET")
    };
    let partner_headers = vec![("x-partner-id".to_owned(), "contoso".to_owned())];
    let mut both = [partner_headers.clone(), staff_headers(&staff)].concat();
    let by_partner = |path: &str| Request::get(path).secret(&partner).header("x-partner", &partner);
    both.sort();
    let watched = vec![("x-watched".to_owned(), "0b0e0a5e-0000-4000-8000-000000000001".to_owned())];
    let routes: Vec<(&str, Request, Believed)> = vec![
        ("validated", Request::get("/orders").bearer(&staff), staff_headers(&staff)),
        ("anonymous", Request::get("/healthz"), vec![]),
        ("anonymous, with a token", Request::get("/healthz").bearer(&staff), vec![]),
        ("allow-missing", Request::get("/catalog/1"), vec![]),
        ("allow-missing, with a token", Request::get("/catalog/1").bearer(&staff), staff_headers(&staff)),
        ("preflight", preflight(), vec![]),
        ("preflight, with a token", preflight().bearer(&staff), vec![]),
        ("report-only, refused", Request::get("/watched"), vec![]),
        ("report-only, good", Request::get("/watched").bearer(&staff), watched),
        ("any-of, the first", Request::get("/either").bearer(&staff), staff_headers(&staff)),
        ("any-of, the second", by_partner("/either"), partner_headers),
        ("any-of, the first of both", by_partner("/either").bearer(&staff), staff_headers(&staff)),
        ("all-of", by_partner("/both").bearer(&staff), both),
    ];
    let mut wrong = Vec::new();
    for (route, request, expected) in &routes {
        let plain: Spoof = ("not at all", |request| request);
        for (way, spoof) in [plain].into_iter().chain(spoofs()) {
            let answered = gateway.envoy.send("api", spoof(request.clone()));
            let found = believed(&gateway.seen(&answered));
            if found != *expected {
                wrong.push(format!("{route}, {way}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), gateway.envoy.log_tail());
}

#[test]
fn every_lie_arrives_where_nothing_is_forwarded() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let policy = inline_policy("Authorization", &key, &Value::Null);
    let envoy = Envoy::start(&Setup::new().listener("api", policy));
    let token = key.sign(&json!({}), &staff_claims()).unwrap();
    for (way, spoof) in spoofs() {
        // Were one of them dropped by Envoy itself, the other tests would show nothing.
        let answered = envoy.passes("api", spoof(Request::get("/").bearer(&token)));
        let found = believed(&envoy.upstream().seen(&answered.id).unwrap());
        let names: BTreeSet<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        let expected = match way {
            "many copies" | "many copies of many spellings" => 1,
            // Envoy drops the two that are named there, before any filter: those that the filter writes must stay.
            "named in Connection" => WRITTEN.len() - 2,
            _ => WRITTEN.len(),
        };
        assert!(names.len() >= expected, "{way}: {names:?}");
    }
}

#[test]
fn no_client_is_believed_that_had_to_wait() {
    let gateway = Gateway::start();
    let (token, partner) = (gateway.late_token(), gateway.partner_token());
    let request = |path: &str| Request::get(path).bearer(&token);
    let forged =
        Authority::plain("late.example").token(&with(&staff_claims(), "iss", json!(gateway.late.issuer)));
    let begin = |spoof: &Spoof, request: Request| gateway.envoy.begin("api", spoof.1(request));
    let spoofs = spoofs();
    let waiting: Vec<_> = spoofs
        .iter()
        .map(|spoof| {
            // The partner's policy could decide the second, but the first listed must have been asked.
            let with_other = request("/any-late").secret(&partner).header("x-partner", "x");
            (spoof.0, begin(spoof, request("/late")), begin(spoof, with_other))
        })
        .collect();
    let refused = gateway.envoy.begin("api", Request::get("/late").bearer(&forged).header("x-user-oid", LIE));
    let active =
        || gateway.envoy.statistics("http.api.downstream_rq_active")["http.api.downstream_rq_active"];
    let count = u64::try_from(2 * waiting.len() + 1).unwrap();
    wait_until("all of them wait", || active() == count);
    // Who needs no keys does not wait for them.
    let passed =
        gateway.envoy.send("api", Request::get("/any-late").secret(&partner).header("x-partner", &partner));
    assert_eq!(believed(&gateway.seen(&passed)), [("x-partner-id".to_owned(), "contoso".to_owned())]);
    gateway.gate.open();

    for (way, one, other) in waiting {
        for pending in [one, other] {
            let answered = gateway.envoy.finish(pending);
            assert_eq!(believed(&gateway.seen(&answered)), staff_headers(&token), "{way}");
        }
    }
    let refused = gateway.envoy.finish(refused);
    let verdict = gateway.envoy.judge(&refused, Some(Refusal::of("TokenSignatureKeyNotFound")));
    verdict.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn nothing_is_forwarded_of_a_token_that_is_refused_by_the_other_policy() {
    let gateway = Gateway::start();
    let (staff, partner) = (gateway.staff_token(), gateway.partner_token());
    let request = Request::get("/both").bearer(&staff);
    gateway.envoy.refuses("api", request, Refusal::of("TokenNotPresent"));
    let request = Request::get("/both").bearer(&staff).header("x-partner", &staff);
    gateway.envoy.refuses("api", request, Refusal::of("TokenSignatureInvalid"));
    let request = Request::get("/both").secret(&partner).header("x-partner", &partner);
    gateway.envoy.refuses("api", request, Refusal::of("TokenNotPresent"));
    gateway.gate.open();
}
