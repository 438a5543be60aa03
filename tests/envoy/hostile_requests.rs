//! Requests that are made to break a filter: each is judged on its merits, and the next good one passes.

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, replace_part, with};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use validate_jwt_cli::signing::base64url;

const DEEP: usize = 8000;
/// In bytes; with the other headers it stays below the 60 KiB that Envoy accepts.
const LONG: usize = 50_000;
/// A word that a log line begins with only if a token could break the line before it.
const INJECTED: &str = "injected-by-a-token";

/// Who signs, and claims that pass.
struct Target {
    authority: Authority,
    claims: Value,
}

impl Target {
    fn start() -> (Envoy, Self, IdentityProvider) {
        let provider = IdentityProvider::start();
        let authority = Authority::plain("target.example");
        authority.publish(&provider);
        let policy = |source: &str, name: &str| {
            json!({
                "validate-jwt": {
                    source: name,
                    "openid-config": [{ "url": authority.configuration_url() }],
                    "audiences": ["api"],
                },
                "default-cluster": "provider",
            })
        };
        let setup = Setup::new()
            .cluster("provider", provider.address())
            .listener("authorization", policy("header-name", "Authorization"))
            .listener("header", policy("header-name", "X-Token"))
            .listener("query", policy("query-parameter-name", "token"));
        let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
        (Envoy::start(&setup), Self { authority, claims }, provider)
    }

    fn good(&self) -> String {
        self.authority.token(&self.claims)
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.authority.key().sign(header, claims).unwrap()
    }

    /// Signed as it should be, over bytes that are no proper token.
    fn raw(&self, header: &str, claims: &str) -> String {
        self.authority.key().sign_raw(header.as_bytes(), claims.as_bytes()).unwrap()
    }

    /// The claims of a good token, as text that ends before its closing brace.
    fn open_claims(&self) -> String {
        let text = self.claims.to_string();
        text.strip_suffix('}').unwrap().to_owned()
    }

    fn header(&self) -> String {
        json!({ "alg": "ES256", "kid": self.authority.key().kid() }).to_string()
    }
}

fn refused(name: &str, request: Request, reason: &'static str) -> Case<'static> {
    Case::refused(name, request, Refusal::of(reason))
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// After each of the cases, a good request must pass.
fn judge(envoy: &Envoy, listener: &str, good: impl Fn() -> Request, cases: Vec<Case<'_>>) {
    let mut wrong = Vec::new();
    for case in cases {
        let name = format!("a good request after `{}`", case.name);
        wrong.extend(envoy.try_all(listener, vec![case, Case::passes(name, good())]));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn bytes_that_are_no_text() {
    let (envoy, target, _provider) = Target::start();
    let good = || Request::get("/").bearer(&target.good());
    let authorization = |value: &[u8]| Request::get("/").header("authorization", value);
    let mut cases = vec![
        refused("a lone byte as token", authorization(b"Bearer \xff"), "JwtInvalid"),
        refused(
            "a byte in a good token",
            authorization(&[good_header(&target), vec![0xff]].concat()),
            "JwtInvalid",
        ),
        refused("a byte in the scheme", authorization(b"Bear\xc3r abc"), "TokenNotPresent"),
        refused("every byte above ASCII", authorization(&(0x80..=0xff).collect::<Vec<u8>>()), "JwtInvalid"),
        refused("half a character", authorization(b"\xe2\x82"), "JwtInvalid"),
        refused("a byte beside no token", Request::get("/").header("x-any", b"\xff"), "TokenNotPresent"),
        refused("a byte as gRPC type", Request::get("/").header("content-type", b"\xff"), "TokenNotPresent"),
    ];
    for name in ["x-any", "cookie", "user-agent", "content-type", "x-forwarded-for", "accept", "x-request-id"]
    {
        cases.push(Case::passes(format!("a byte in {name}"), good().header(name, b"a\xff\xfeb")));
    }
    judge(&envoy, "authorization", good, cases);

    let good = || Request::get("/").secret(target.good()).header("x-token", target.good());
    let token = |value: &[u8]| Request::get("/").header("x-token", value);
    judge(
        &envoy,
        "header",
        good,
        vec![
            refused("a byte as token", token(b"\xff"), "JwtInvalid"),
            refused("a scheme, which only Authorization has", token(b"Bearer a.b.c"), "JwtInvalid"),
        ],
    );
}

fn good_header(target: &Target) -> Vec<u8> {
    format!("Bearer {}", target.good()).into_bytes()
}

#[test]
fn what_envoy_itself_refuses_never_reaches_the_upstream() {
    let (envoy, target, _provider) = Target::start();
    let good = || Request::get("/").bearer(&target.good());
    for (name, request) in [
        ("a byte in the host", good().header("host", b"api\xff.example")),
        ("zero in the token", Request::get("/").header("authorization", b"Bearer a\0b")),
        ("zero in another header", good().header("x-any", b"\0")),
        ("a lone line feed", Request::get("/").header("authorization", b"Bearer a\nx-any: b")),
        ("a byte in a header's name", Request::get("/").header("x-\u{ff}", b"a")),
        ("a token of 70 KB", Request::get("/").header("authorization", "a".repeat(70_000))),
    ] {
        let answered = envoy.send("authorization", request);
        let status = answered.response.status;
        assert!((400..500).contains(&status) && !answered.by_upstream, "{name}: {status}");
        envoy.passes("authorization", good());
    }
}

#[test]
fn more_than_one_token() {
    let (envoy, target, _provider) = Target::start();
    let good = || Request::get("/").bearer(&target.good());
    let basic = "Basic dXNlcjpwYXNz";
    let in_one = format!("Bearer {}, Bearer {}", target.good(), target.good());
    judge(
        &envoy,
        "authorization",
        good,
        vec![
            refused("the same twice", good().bearer(&target.good()), "JwtInvalid"),
            refused("good, then nonsense", good().header("authorization", "Bearer x"), "JwtInvalid"),
            refused(
                "nonsense, then good",
                Request::get("/").header("authorization", "Bearer x").bearer(&target.good()),
                "JwtInvalid",
            ),
            refused("good, then Basic", good().header("authorization", basic), "JwtInvalid"),
            refused("two in one header", Request::get("/").header("authorization", in_one), "JwtInvalid"),
            refused(
                "scheme twice",
                Request::get("/").header("authorization", format!("Bearer Bearer {}", target.good())),
                "JwtInvalid",
            ),
        ],
    );

    // Envoy drops an empty line when it joins the two: one token is left, and the upstream gets one.
    let answered = envoy.passes("authorization", good().header("authorization", ""));
    let seen = envoy.upstream().seen(&answered.id).unwrap();
    assert!(seen.headers.text("authorization").unwrap().starts_with("Bearer ey"));

    let token = target.good();
    let good = || Request::get("/").secret(&token).header("x-token", &token);
    judge(
        &envoy,
        "header",
        good,
        vec![
            refused("the same twice", good().header("X-Token", &token), "JwtInvalid"),
            refused("good, then nonsense", good().header("x-token", "x"), "JwtInvalid"),
        ],
    );

    let query = |query: String| Request::get(&format!("/?{query}")).secret(&token);
    judge(
        &envoy,
        "query",
        || query(format!("a=b&token={token}&c")),
        vec![
            refused("the same twice", query(format!("token={token}&token={token}")), "JwtInvalid"),
            refused("the second name encoded", query(format!("token={token}&%74oken=x")), "JwtInvalid"),
            refused("bytes that are no text", query("token=%ff%fe".to_owned()), "JwtInvalid"),
            refused("half an escape", query("token=%f".to_owned()), "JwtInvalid"),
            refused("another name", query(format!("Token={token}")), "TokenNotPresent"),
            refused("no value", query("token".to_owned()), "TokenNotPresent"),
            refused("only in a fragment of the name", query(format!("xtoken={token}")), "TokenNotPresent"),
        ],
    );
}

#[test]
fn large_and_deep_tokens() {
    let (envoy, target, _provider) = Target::start();
    let good = || Request::get("/").bearer(&target.good());
    let bearer = |token: &str| Request::get("/").bearer(token);
    let long_claim = with(&target.claims, "padding", json!("x".repeat(LONG * 3 / 4 - 400)));
    let long = target.authority.token(&long_claim);
    assert!((LONG - 1000..=LONG + 1000).contains(&long.len()), "{}", long.len());
    let mut cut = long.clone();
    cut.truncate(long.len() - 5);
    let long_forged = Authority::plain("target.example").key().clone();
    let long_forged = long_forged.with_kid(target.authority.key().kid().unwrap());
    let long_forged = long_forged.sign(&json!({}), &long_claim).unwrap();
    let open = target.open_claims();
    let header = target.header();
    let deep_header = format!(r#"{{"alg":"ES256","x":{}}}"#, nested(DEEP));
    let deep_claims = format!(r#"{open},"x":{}}}"#, nested(DEEP));
    let many_audiences = with(&target.claims, "aud", json!(vec!["other"; 4000]));
    judge(
        &envoy,
        "authorization",
        good,
        vec![
            Case::passes("a good token of 50 KB", bearer(&long)),
            refused("a forged token of 50 KB", bearer(&long_forged), "TokenSignatureInvalid"),
            refused("a token of 50 KB with its end cut off", bearer(&cut), "JwtInvalid"),
            refused("50 KB of one letter", bearer(&"a".repeat(LONG)), "JwtInvalid"),
            refused("50 KB of dots", bearer(&".".repeat(LONG)), "JwtInvalid"),
            refused(
                "nested arrays in the header",
                bearer(&target.raw(&deep_header, &target.claims.to_string())),
                "JwtInvalid",
            ),
            refused("nested arrays in the claims", bearer(&target.raw(&header, &deep_claims)), "JwtInvalid"),
            refused("nested arrays as claims", bearer(&target.raw(&header, &nested(DEEP))), "JwtInvalid"),
            refused(
                "arrays that are never closed",
                bearer(&target.raw(&header, &"[".repeat(DEEP))),
                "JwtInvalid",
            ),
            refused(
                "many audiences",
                bearer(&target.authority.token(&many_audiences)),
                "TokenAudienceNotAllowed",
            ),
        ],
    );
}

#[test]
fn tokens_that_are_made_with_care() {
    let (envoy, target, _provider) = Target::start();
    let good = || Request::get("/").bearer(&target.good());
    let bearer = |token: &str| Request::get("/").bearer(token);
    let no_secret = |token: &str| Request::get("/").header("authorization", format!("Bearer {token}"));
    let kid = |kid: Value| target.token(&json!({ "kid": kid }), &target.claims);
    let claim = |name: &str, value: &str| {
        let mut claims = target.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        let text = claims.to_string();
        format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap())
    };
    let claims = |name: &str, value: &str| bearer(&target.raw(&target.header(), &claim(name, value)));
    let header = |header: &str| bearer(&target.raw(header, &target.claims.to_string()));
    let text = target.claims.to_string();
    judge(
        &envoy,
        "authorization",
        good,
        vec![
            refused("a huge key id", bearer(&kid(json!("k".repeat(30_000)))), "TokenSignatureKeyNotFound"),
            refused(
                "a key id with line breaks",
                bearer(&kid(json!(format!("a\n{INJECTED}\r\n{INJECTED}\u{2028}{INJECTED}")))),
                "TokenSignatureKeyNotFound",
            ),
            refused(
                "a key id of control characters",
                bearer(&kid(json!("\u{0}\u{1b}[31m\u{7f}\u{85}"))),
                "TokenSignatureKeyNotFound",
            ),
            refused(
                "a key id that is a path",
                bearer(&kid(json!("../../dev/null"))),
                "TokenSignatureKeyNotFound",
            ),
            refused("a key id that is a number", bearer(&kid(json!(5))), "JwtInvalid"),
            refused(
                "an algorithm with line breaks",
                header(&format!("{{\"alg\":\"\\n{INJECTED}\"}}")),
                "TokenAlgorithmNotAllowed",
            ),
            refused("no algorithm", header("{}"), "JwtInvalid"),
            refused("algorithm twice", header(r#"{"alg":"ES256","alg":"ES256"}"#), "JwtInvalid"),
            refused(
                "an extension that must be understood",
                header(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#),
                "JwtInvalid",
            ),
            refused("expiry twice", claims("exp", &format!("1,\"exp\":{}", now() + 60)), "JwtInvalid"),
            refused("expiry as text", claims("exp", &format!("\"{}\"", now() + 60)), "JwtInvalid"),
            refused("expiry beyond all numbers", claims("exp", "1e999"), "JwtInvalid"),
            refused("expiry of many digits", claims("exp", &"9".repeat(5000)), "JwtInvalid"),
            refused("expiry null", claims("exp", "null"), "JwtInvalid"),
            refused("expiry after the last year", claims("exp", "9223372036854775807"), "JwtInvalid"),
            refused("start before the first year", claims("nbf", "-9223372036854775808"), "JwtInvalid"),
            refused("start that overflows in milliseconds", claims("nbf", "-8334601228800"), "JwtInvalid"),
            refused("expiry before the start", claims("exp", "1"), "JwtInvalid"),
            refused("validity from beyond all numbers", claims("nbf", "-1e999"), "JwtInvalid"),
            refused(
                "an issuer with line breaks",
                claims("iss", &format!("\"https://a/\\n{INJECTED}\"")),
                "TokenIssuerNotAllowed",
            ),
            refused("an issuer that is a list", claims("iss", "[\"a\"]"), "JwtInvalid"),
            refused("an audience with a number in it", claims("aud", "[\"api\",5]"), "JwtInvalid"),
            refused("claims that are a list", bearer(&target.raw(&target.header(), "[]")), "JwtInvalid"),
            refused("claims that are no text", bearer(&bytes_as_claims(&target)), "JwtInvalid"),
            refused(
                "claims and more",
                bearer(&target.raw(&target.header(), &format!("{text} {text}"))),
                "JwtInvalid",
            ),
            refused("two parts", no_secret("e30.e30"), "JwtInvalid"),
            refused("five parts", no_secret("e30.e30.e30.e30.e30"), "JwtInvalid"),
            refused("empty parts", no_secret("..................................."), "JwtInvalid"),
            refused("padding", bearer(&format!("{}=", target.good())), "JwtInvalid"),
            refused(
                "an empty signature",
                bearer(&without_signature(&target.good())),
                "TokenSignatureInvalid",
            ),
            refused("a signature of zeros", bearer(&zero_signature(&target.good())), "TokenSignatureInvalid"),
        ],
    );
    let log = envoy.log();
    let broken = log.lines().find(|line| line.starts_with(INJECTED));
    assert_eq!(broken, None, "a token began a line of the log");
}

fn bytes_as_claims(target: &Target) -> String {
    target.authority.key().sign_raw(target.header().as_bytes(), b"{\"iss\":\"\xff\"}").unwrap()
}

fn without_signature(token: &str) -> String {
    replace_part(token, 2, "")
}

/// CVE-2022-21449: `r` and `s` of zero verify for any key where nobody checks their range.
fn zero_signature(token: &str) -> String {
    replace_part(token, 2, &base64url(&[0; 64]))
}
