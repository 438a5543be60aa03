//! Verifies signatures inside a proxy, and says what came of them: once with the host's function, where it is good for the
//! algorithm, and once by the module's own code.
//!
//! A plugin's configuration is `{ "groups": [ { "algorithm": …, "key": …, "tests": [ { "message": …, "signature": … } ] } ] }`,
//! where `key` is a JWK, or of HMAC a secret, and everything binary is base64url. The answer to any request is one line for
//! each test: the verdict by way of the host, a blank, and the verdict of pure Rust. Before them stand the algorithms that
//! the host verifies, and how often it was asked.

#![cfg(target_family = "wasm")]

use std::{cell::Cell, fmt::Write, rc::Rc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, LogLevel},
};
use validate_jwt::{
    algorithm::Algorithm,
    json::{Json, Object},
    jwk::Jwk,
    signature::{SymmetricKey, Verifier, VerifyingKey},
};

/// Envoy calls `main`, where a module has one, after `_initialize`. That is the library's, and has set the filter up; here the
/// probe takes its place.
#[expect(unsafe_code, reason = "an export, whose name no other function has")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argument_count: i32, _arguments: i32) -> i32 {
    proxy_wasm::set_root_context(|_| Box::<Plugin>::default());
    0
}

/// The root context: a plugin.
#[derive(Default)]
struct Plugin {
    groups: Rc<Vec<Group>>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
        let groups = configuration.ok().flatten().and_then(|configuration| Group::parse_all(&configuration));
        if let Some(groups) = groups {
            self.groups = Rc::new(groups);
            return true;
        }
        // A line that is lost is missed by nobody but the reader of a failed test.
        let _status = hostcalls::log(LogLevel::Error, "the configuration of the probe is none");
        false
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request(Rc::clone(&self.groups))))
    }
}

/// The context of a request.
struct Request(Rc<Vec<Group>>);

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _is_end: bool) -> Action {
        self.send_http_response(200, Vec::new(), Some(answer(&self.0).as_bytes()));
        Action::Pause
    }
}

/// Signatures by one key.
struct Group {
    algorithm: Algorithm,
    /// `None` for one that the library does not take.
    key: Option<VerifyingKey>,
    /// Messages and their signatures.
    tests: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Group {
    fn parse_all(configuration: &[u8]) -> Option<Vec<Self>> {
        let mut members = Json::parse(configuration).ok()?.into_object()?;
        let Json::Array(groups) = members.remove("groups")? else { return None };
        groups.into_iter().map(|group| Self::parse(group.into_object()?)).collect()
    }

    fn parse(mut members: Object<'_>) -> Option<Self> {
        let algorithm = Algorithm::from_name(members.get("algorithm")?.as_str()?)?;
        let key = members.remove("key")?;
        let key = if let Some(secret) = key.as_str() {
            SymmetricKey::new(decode(secret)?).ok().map(VerifyingKey::Symmetric)
        } else {
            let jwk = Jwk::parse(&key.into_object()?).ok();
            jwk.filter(|jwk| jwk.serves(algorithm)).map(|jwk| jwk.key)
        };
        let Json::Array(tests) = members.remove("tests")? else { return None };
        let tests = tests.into_iter().map(|test| {
            let test = test.into_object()?;
            let part = |name| decode(test.get(name)?.as_str()?);
            Some((part("message")?, part("signature")?))
        });
        Some(Self { algorithm, key, tests: tests.collect::<Option<_>>()? })
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn answer(groups: &[Group]) -> String {
    let asked = Rc::new(Cell::new(0_usize));
    let counter = Rc::clone(&asked);
    let with_host = Verifier::with_host(Box::new(move |arguments| {
        counter.set(counter.get().saturating_add(1));
        let result = hostcalls::call_foreign_function("verify_signature", Some(arguments));
        result.ok().map(Option::unwrap_or_default)
    }));
    let rust_only = Verifier::rust_only();
    // The known answers of the start are not what is counted.
    asked.set(0);
    let mut verdicts = String::new();
    for Group { algorithm, key, tests } in groups {
        for (message, signature) in tests {
            let verdict = |verifier: &Verifier| match key {
                None => "no-key",
                Some(key) if verifier.verify(*algorithm, key, message, signature) => "verified",
                Some(_) => "refused",
            };
            // Writing to a `String` cannot fail.
            let _done = writeln!(verdicts, "{} {}", verdict(&with_host), verdict(&rust_only));
        }
    }
    let by_host: Vec<_> = with_host.host_algorithms().iter().map(Algorithm::name).collect();
    format!("{}\n{}\n{verdicts}", by_host.join(" "), asked.get())
}
