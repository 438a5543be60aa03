//! As `hostile_requests`, for what came with rules, encrypted tokens and forwarding: each request is judged on its merits, and
//! the next good one passes.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::jwe::seal;
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

const DECRYPTION_KEY: [u8; 32] = [0x3c; 32];
const DEEP: usize = 8000;
/// A word that a log line begins with only if a request could break the line before it.
const INJECTED: &str = "injected-by-a-request";

struct Target {
    envoy: Envoy,
    key: SigningKey,
}

impl Target {
    fn start() -> Self {
        let key = SigningKey::generate(Algorithm::Hs256).unwrap();
        let configuration = json!({
            "policies": { "only": {
                "validate-jwt": {
                    "header-name": "Authorization",
                    "issuer-signing-keys": [{ "value": STANDARD.encode(key.secret().unwrap()) }],
                    "decryption-keys": [{ "id": "direct", "value": STANDARD.encode(DECRYPTION_KEY) }],
                    "issuers": ["https://issuer.example"],
                    "output-token-variable-name": "jwt",
                },
                "options": { "forward": {
                    "claims-to-headers": [{ "claim": "c", "header": "x-claim", "format": "json" }],
                    "payload-header": "x-payload",
                } },
            } },
            "rules": [
                { "match": { "path": "/healthz" }, "allow-anonymous": true },
                { "match": { "path-prefix": "/a", "hosts": ["*.example", "api.example"] }, "policy": "only" },
                { "match": {}, "policy": "only" },
            ],
            "allow-cors-preflight": true,
        });
        let envoy = Envoy::start(&Setup::new().listener("api", configuration));
        Self { envoy, key }
    }

    fn signed(&self, more: &str) -> String {
        self.key.sign_raw(br#"{"alg":"HS256"}"#, claims(more).as_bytes()).unwrap()
    }

    fn good(&self) -> Request {
        Request::get("/").bearer(&self.signed(""))
    }

    /// After each of the cases, a good request must pass.
    fn judge(&self, cases: Vec<Case<'_>>) {
        let mut wrong = Vec::new();
        for case in cases {
            let name = format!("a good request after `{}`", case.name);
            wrong.extend(self.envoy.try_all("api", vec![case, Case::passes(name, self.good())]));
        }
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), self.envoy.log_tail());
        let log = self.envoy.log();
        assert_eq!(
            log.lines().find(|line| line.starts_with(INJECTED)),
            None,
            "a request began a line of the log"
        );
    }
}

fn claims(more: &str) -> String {
    format!(r#"{{"iss":"https://issuer.example","exp":{}{more}}}"#, now() + 600)
}

fn refused(name: &str, request: Request, reason: &'static str) -> Case<'static> {
    Case::refused(name, request, Refusal::of(reason))
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[test]
fn encrypted_tokens_that_are_made_with_care() {
    let target = Target::start();
    let signed = target.signed("");
    let encrypt = |header: &str, plaintext: &[u8]| {
        let token = seal(header, &[], &DECRYPTION_KEY, plaintext);
        Request::get("/").header("authorization", format!("Bearer {token}"))
    };
    let header = r#"{"alg":"dir","enc":"A256GCM"}"#;
    let with =
        |member: &str| encrypt(&format!(r#"{{"alg":"dir","enc":"A256GCM",{member}}}"#), signed.as_bytes());
    let bare = |token: &str| Request::get("/").header("authorization", format!("Bearer {token}"));
    let failed = "TokenDecryptionFailed";
    let long = target.signed(&format!(r#","padding":"{}""#, "x".repeat(24_000)));
    let deep = target.signed(&format!(r#","deep":{}"#, nested(DEEP)));
    let unsigned = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(claims("").as_bytes()));
    target.judge(vec![
        Case::passes("a good one", encrypt(header, signed.as_bytes())),
        Case::passes("a good one of 50 KB", encrypt(header, long.as_bytes())),
        Case::passes("a header of 40 KB", with(&format!(r#""x":"{}""#, "x".repeat(40_000)))),
        Case::passes("a key id of 30 KB", with(&format!(r#""kid":"{}""#, "k".repeat(30_000)))),
        Case::passes("a key id with line breaks", with(&format!(r#""kid":"\n{INJECTED}\r\n{INJECTED}""#))),
        Case::passes("a header of many members", {
            let members: Vec<_> = (0..3000).map(|index| format!(r#""m{index}":1"#)).collect();
            with(&members.join(","))
        }),
        refused("nested arrays in the header", with(&format!(r#""x":{}"#, nested(DEEP))), failed),
        refused("nested arrays as header", encrypt(&nested(DEEP), signed.as_bytes()), failed),
        refused("arrays that are never closed", encrypt(&"[".repeat(DEEP), signed.as_bytes()), failed),
        refused("a member twice", with(r#""enc":"A256GCM""#), failed),
        refused("a number beyond all numbers as kid", with(r#""kid":1e999"#), failed),
        refused("half a surrogate", with(r#""x":"\ud800""#), failed),
        refused("an empty header", encrypt("", signed.as_bytes()), failed),
        refused("four dots", bare("...."), failed),
        refused("five dots", bare("....."), "JwtInvalid"),
        refused("50 KB of noise in five parts", bare(&vec!["n".repeat(10_000); 5].join(".")), failed),
        refused(
            "50 KB of ciphertext that is none",
            {
                let [header, iv, tag] = [header.as_bytes(), &[0; 12], &[0; 16]].map(base64url);
                bare(&format!("{header}..{iv}.{}.{tag}", "c".repeat(48_000)))
            },
            failed,
        ),
        refused(
            "an encrypted key of 40 KB",
            {
                let head = base64url(br#"{"alg":"A256KW","enc":"A256GCM"}"#);
                let [iv, text, tag] = [&[0; 12][..], b"text", &[0; 16]].map(base64url);
                bare(&format!("{head}.{}.{iv}.{text}.{tag}", base64url(&[7; 30_000])))
            },
            failed,
        ),
        refused("bytes that are no text inside", encrypt(header, &[0xff; 5000]), "JwtInvalid"),
        refused("40 KB of dots inside", encrypt(header, &b".".repeat(30_000)), "JwtInvalid"),
        refused("nested arrays in the claims", encrypt(header, deep.as_bytes()), "JwtInvalid"),
        refused("claims that nobody signed", encrypt(header, claims("").as_bytes()), "JwtInvalid"),
        refused("alg none inside", encrypt(header, unsigned.as_bytes()), "TokenAlgorithmNotAllowed"),
        refused(
            "encrypted again inside",
            encrypt(header, seal(header, &[], &DECRYPTION_KEY, signed.as_bytes()).as_bytes()),
            "JwtInvalid",
        ),
        refused(
            "eight times in itself",
            {
                let token = (0..8)
                    .fold(signed.clone(), |inner, _| seal(header, &[], &DECRYPTION_KEY, inner.as_bytes()));
                bare(&token)
            },
            "JwtInvalid",
        ),
    ]);
}

#[test]
fn heads_that_no_backend_would_expect() {
    let target = Target::start();
    let host = |host: &str| target.good().header("host", host);
    let target_of = |path: &[u8]| target.good().target(path);
    let odd_host = Refusal { status: 400, reason: "PathAmbiguous", message: "Bad request." };
    let long_host = "a".repeat(20_000);
    let long_path = [b"/".to_vec(), b"%61".repeat(10_000)].concat();
    let deep_path = b"/a".repeat(10_000);
    let long_query = [b"/?".to_vec(), b"a=%ff&".repeat(5000)].concat();
    let preflight = |origin: &[u8], method: &str| {
        let request = Request::new("OPTIONS", "/x").header("origin", origin);
        request.header("access-control-request-method", method)
    };
    let deep_claim = Request::get("/").bearer(&target.signed(&format!(r#","c":{}"#, nested(30))));
    let many_claims: Vec<_> = (0..1200).map(|index| format!(r#""{index}":{{"\u0000":"\r\n"}}"#)).collect();
    let many_claims = format!(r#","c":{{{}}}"#, many_claims.join(","));
    target.judge(vec![
        Case::passes("an address as host", host("[::1]:8080")),
        Case::refused("a host that is a pattern", host("*.example"), odd_host),
        Case::refused("dots as host", host("...."), odd_host),
        Case::refused("a port alone", host(":80"), odd_host),
        Case::refused("two hosts", host("api.example").header("host", "b.example"), odd_host),
        Case::passes("a port without digits", host("api.example:")),
        Case::passes("a host of 20 KB", host(&long_host)),
        Case::passes("a path of 30 KB, all encoded", target_of(&long_path)),
        Case::passes("a path of ten thousand segments", target_of(&deep_path)),
        Case::passes("a query that decodes to no text", target_of(&long_query)),
        Case::passes("marks in a header's name", target.good().header("x-!#$%&'*+.^_`|~", "a")),
        Case::passes("a header's name of 30 KB", target.good().header(&"x-_".repeat(10_000), "a")),
        Case::passes(
            "every byte in what is stripped",
            target.good().header("x_payload", (0x80..=0xff).collect::<Vec<u8>>()),
        ),
        Case::passes("a preflight of bytes", preflight(b"\xff\xfe", "\u{fc}")),
        Case::passes("a preflight of 20 KB", preflight(&b"o".repeat(20_000), "GET")),
        Case::passes("a claim that nests", deep_claim),
        Case::passes(
            "a claim that is too long for a header",
            Request::get("/").bearer(&target.signed(&many_claims)),
        ),
        refused(
            "a preflight without a method",
            Request::new("OPTIONS", "/x").header("origin", "https://a"),
            "TokenNotPresent",
        ),
        refused(
            "a preflight by GET",
            Request::get("/x").header("origin", "https://a").header("access-control-request-method", "GET"),
            "TokenNotPresent",
        ),
    ]);
    let ambiguous = Refusal { status: 400, reason: "PathAmbiguous", message: "Bad request." };
    let log_breaking = format!("/%0a{INJECTED}%0d%0a{INJECTED}");
    target.judge(vec![
        Case::refused("line breaks in the path", target_of(log_breaking.as_bytes()), ambiguous),
        Case::refused(
            "30 KB of broken escapes",
            target_of(&[b"/".to_vec(), b"%".repeat(30_000)].concat()),
            ambiguous,
        ),
        Case::refused("30 KB of dots and slashes", target_of(&b"/..".repeat(10_000)), ambiguous),
        Case::refused(
            "escapes of escapes",
            target_of(format!("/{}41", "%25".repeat(10_000)).as_bytes()),
            ambiguous,
        ),
        Case::refused("overlong letters", target_of(b"/%c0%af%e0%80%af%f0%80%80%af"), ambiguous),
    ]);
}
