//! `forward.remove-token`: the token is gone from the request and from the access log, and the rest is as it was, to the byte.

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// What the upstream must see.
struct Rest {
    target: String,
    cookie: Option<String>,
    authorization: Option<String>,
    header: Option<String>,
}

impl Rest {
    fn of(target: &str) -> Self {
        Self { target: target.to_owned(), cookie: None, authorization: None, header: None }
    }

    fn cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }
}

fn policy(key: &SigningKey, source: &str, place: &Value) -> Value {
    json!({
        "validate-jwt": {
            source: place,
            "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
            "issuers": ["https://issuer.example"],
        },
        "options": { "forward": { "remove-token": true } },
    })
}

/// Two policies of an `all-of`, each with its own place of the same kind.
fn both(key: &SigningKey, source: &str, first: &Value, second: &Value) -> Value {
    json!({
        "policies": {
            "first": policy(key, source, first),
            "second": policy(key, source, second),
            "both": { "all-of": ["first", "second"] },
        },
        "rules": [{ "match": {}, "policy": "both" }],
    })
}

#[test]
fn the_token_goes_and_nothing_else() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600 });
    let token = key.sign(&json!({}), &claims).unwrap();
    let other =
        key.sign(&json!({}), &json!({ "iss": "https://issuer.example", "exp": now() + 700 })).unwrap();
    let (sid, access) = (json!({ "cookie": "sid" }), json!({ "cookie": "access_token" }));
    let setup = Setup::new()
        .listener("authorization", policy(&key, "header-name", &json!("Authorization")))
        .listener("header", policy(&key, "header-name", &json!("X-Token")))
        .listener("cookie", policy(&key, "token-value", &access))
        .listener("cookies", both(&key, "token-value", &access, &sid))
        .listener("query", policy(&key, "query-parameter-name", &json!("access token")))
        .listener("queries", both(&key, "query-parameter-name", &json!("t"), &json!("u")))
        .column("%REQ(:PATH)%")
        .column("%REQ(COOKIE)%")
        .column("%REQ(AUTHORIZATION)%")
        .column("%REQ(X-TOKEN)%");
    let envoy = Envoy::start(&setup);
    let get = |target: &str| Request::get(target).secret(&token).secret(&other);
    let query = |query: &str, rest: &str| {
        let target = query.replace("TOKEN", &token).replace("OTHER", &other);
        ("query", get(&target), Rest::of(rest))
    };
    let cookies = |lines: &[&str], rest: Option<&str>| {
        let request = lines.iter().fold(get("/orders?a=%20b;c"), |request, line| {
            request.header("cookie", line.replace("TOKEN", &token).replace("OTHER", &other))
        });
        let expected = Rest::of("/orders?a=%20b;c");
        ("cookie", request, Rest { cookie: rest.map(str::to_owned), ..expected })
    };
    let on = |listener: &'static str, (_, request, rest): (&str, Request, Rest)| (listener, request, rest);
    let mut cases = vec![
        ("authorization", get("/orders?a=b").bearer(&token), Rest::of("/orders?a=b")),
        (
            "authorization",
            get("/orders").bearer(&token).header("x-token", "stays").header("cookie", "access_token=stays"),
            Rest { header: Some("stays".to_owned()), ..Rest::of("/orders").cookie("access_token=stays") },
        ),
        (
            "header",
            get("/orders").header("X-TOKEN", &token).header("authorization", "Basic stays"),
            Rest { authorization: Some("Basic stays".to_owned()), ..Rest::of("/orders") },
        ),
        cookies(&["access_token=TOKEN"], None),
        cookies(&[" access_token = TOKEN ;"], None),
        cookies(&["a=1; access_token=TOKEN; b=2"], Some("a=1; b=2")),
        cookies(&["a=1;access_token=TOKEN;b=\"2, 3\""], Some("a=1; b=\"2, 3\"")),
        cookies(&["a=1", "access_token=TOKEN", "b==2="], Some("a=1; b==2=")),
        cookies(&["a=1; b=2", "c=3; access_token=TOKEN", "d=4"], Some("a=1; b=2; c=3; d=4")),
        cookies(
            &["Access_Token=x; access_tokens=y; xaccess_token=z; access_token=TOKEN; a=access_token=1"],
            Some("Access_Token=x; access_tokens=y; xaccess_token=z; a=access_token=1"),
        ),
        cookies(&["flag; access_token=TOKEN; a=1; a=1"], Some("flag; a=1; a=1")),
        on("cookies", cookies(&["a=1; access_token=TOKEN; b=2; sid=OTHER; c=3"], Some("a=1; b=2; c=3"))),
        on("cookies", cookies(&["sid=OTHER", "access_token=TOKEN"], None)),
        query("/orders?access%20token=TOKEN", "/orders"),
        query("/orders?%61ccess%20%74oken=TOKEN&a=b", "/orders?a=b"),
        query("/orders?a=b&access%20token=TOKEN", "/orders?a=b"),
        query(
            "/a%2Fb/..;x//c?z=%2f&y=a+b%20c&&access%20token=TOKEN&x&=&w==1&accesstoken=1",
            "/a%2Fb/..;x//c?z=%2f&y=a+b%20c&x&=&w==1&accesstoken=1",
        ),
        query("/?u=/?access%20token=x&access%20token=TOKEN&v=?", "/?u=/?access%20token=x&v=?"),
        on("queries", query("/?t=TOKEN&a=1&u=OTHER", "/?a=1")),
        on("queries", query("/?u=OTHER&t=TOKEN", "/")),
    ];
    let mut wrong = Vec::new();
    for (listener, request, rest) in cases.drain(..) {
        let answered = envoy.send(listener, request.clone());
        if let Err(fault) = envoy.judge(&answered, None) {
            wrong.push(format!("{listener}, {}: {fault}", rest.target));
            continue;
        }
        let seen = envoy.upstream().seen(&answered.id).unwrap();
        let text = |name: &str| seen.headers.text(name).map(str::to_owned);
        let found = [Some(seen.target.clone()), text("cookie"), text("authorization"), text("x-token")];
        let expected = [Some(rest.target), rest.cookie, rest.authorization, rest.header];
        let logged = envoy.access_log().entry(&answered.id).columns;
        let in_log: Vec<_> =
            expected.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned())).collect();
        if found != expected {
            wrong.push(format!("{listener}: {found:?} instead of {expected:?}"));
        }
        if logged != in_log {
            wrong.push(format!("{listener}: the access log has {logged:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn the_token_goes_from_a_request_that_had_to_wait() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("late.example");
    authority.publish(&provider);
    let gate = Gate::default();
    let held = Answer::json(&authority.key_set()).behind(&gate);
    provider.set(&authority.keys_host, &authority.keys_path, held);
    let policy = |source: &str, place: &Value| {
        json!({
            "validate-jwt": {
                source: place,
                "openid-config": [{ "url": authority.configuration_url() }],
                "audiences": ["api"],
                "output-token-variable-name": "jwt",
            },
            "options": { "forward": {
                "remove-token": true,
                "claims-to-headers": [{ "claim": "aud", "header": "x-audience" }],
            } },
            "default-cluster": "provider",
            "fetch": { "timeout": "1m" },
        })
    };
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .listener("header", policy("header-name", &json!("Authorization")))
        .listener("cookie", policy("token-value", &json!({ "cookie": "sid" })))
        .listener("query", policy("query-parameter-name", &json!("t")))
        .route_header("x-by-router", "%FILTER_STATE(wasm.jwt:PLAIN)%");
    let envoy = Envoy::start(&setup);
    let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
    let token = authority.token(&claims);
    let post = |target: &str| {
        Request::new("POST", target).secret(&token).header("x-audience", "a lie").body(vec![b'b'; 100_000])
    };
    let waiting = [
        ("header", post("/orders?a=b").bearer(&token)),
        ("cookie", post("/orders?a=b").header("cookie", "x=1").header("cookie", format!("sid={token}; y=2"))),
        ("query", post(&format!("/orders?t={token}&a=b"))),
    ];
    let waiting = waiting.map(|(listener, request)| (listener, envoy.begin(listener, request)));
    for (listener, pending) in &waiting {
        let active = format!("http.{listener}.downstream_rq_active");
        wait_until("the request waits", || envoy.statistics(&active)[&active] == 1);
        assert!(pending.connection.is_silent(), "{listener}: an answer before the keys were there");
    }
    gate.open();
    for (listener, pending) in waiting {
        let answered = envoy.finish(pending);
        envoy.judge(&answered, None).unwrap_or_else(|wrong| panic!("{listener}: {wrong}"));
        let seen = envoy.upstream().seen(&answered.id).unwrap();
        let cookie = (listener == "cookie").then_some("x=1; y=2");
        assert_eq!((seen.target.as_str(), seen.body.len()), ("/orders?a=b", 100_000), "{listener}");
        assert_eq!(seen.headers.text("cookie"), cookie, "{listener}");
        assert_eq!(seen.headers.text("authorization"), None, "{listener}");
        assert_eq!(seen.headers.text("x-audience"), Some("api"), "{listener}");
        let variable = serde_json::from_str::<Value>(seen.headers.text("x-by-router").unwrap()).unwrap();
        assert_eq!(variable, claims, "{listener}");
    }
}
