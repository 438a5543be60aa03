//! Verifies the signature of one PS256 token inside a proxy, as often as a request asks, by one of two implementations.
//!
//! A plugin's configuration is `{ "key": …, "token": … }`, where `key` is a JWK. A request names the implementation and the
//! number by its path, `/filter/10` or `/rsa/10`; the answer is 200 when every verification succeeded.

#![cfg(target_family = "wasm")]

use std::rc::Rc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, LogLevel, MapType},
};
use rsa::{
    BigUint, RsaPublicKey,
    pss::{Signature, VerifyingKey},
    sha2::Sha256,
    signature::Verifier as _,
};
use validate_jwt::{algorithm::Algorithm, json::Json, jwk::Jwk, signature::Verifier};

/// Takes the filter's place, whose library has set itself up in `_initialize`: Envoy calls `main` after that.
#[expect(unsafe_code, reason = "an export, whose name no other function has")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argument_count: i32, _arguments: i32) -> i32 {
    proxy_wasm::set_root_context(|_| Box::<Plugin>::default());
    0
}

/// The root context: a plugin.
#[derive(Default)]
struct Plugin(Option<Rc<Task>>);

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX);
        self.0 = configuration.ok().flatten().and_then(|text| Task::parse(&text)).map(Rc::new);
        if self.0.is_none() {
            let _status = hostcalls::log(LogLevel::Error, "the configuration of the race is none");
        }
        self.0.is_some()
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        let task = self.0.as_ref()?;
        Some(Box::new(Request(Rc::clone(task))))
    }
}

/// The context of a request.
struct Request(Rc<Task>);

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _is_end: bool) -> Action {
        let path = hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, ":path").ok().flatten();
        let path = path.and_then(|path| String::from_utf8(path).ok()).unwrap_or_default();
        let status = if self.0.run(&path).unwrap_or(false) { 200 } else { 500 };
        self.send_http_response(status, Vec::new(), None);
        Action::Pause
    }
}

/// What is verified, with the key in the form of each implementation.
struct Task {
    message: Vec<u8>,
    signature: Vec<u8>,
    by_filter: (Verifier, Jwk),
    by_rsa: VerifyingKey<Sha256>,
}

impl Task {
    fn parse(configuration: &[u8]) -> Option<Self> {
        let mut members = Json::parse(configuration).ok()?.into_object()?;
        let key = members.remove("key")?.into_object()?;
        let part = |name| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let number = |name| part(name).map(|bytes| BigUint::from_bytes_be(&bytes));
        let by_rsa = VerifyingKey::new(RsaPublicKey::new(number("n")?, number("e")?).ok()?);
        let (message, signature) = members.get("token")?.as_str()?.rsplit_once('.')?;
        Some(Self {
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            by_filter: (Verifier::rust_only(), Jwk::parse(&key).ok()?),
            by_rsa,
        })
    }

    /// Whether all verifications that `path` asks for succeeded; `None` when it asks for nothing.
    fn run(&self, path: &str) -> Option<bool> {
        let (implementation, count) = path.strip_prefix('/')?.split_once('/')?;
        let count: u32 = count.parse().ok()?;
        let once: &dyn Fn() -> bool = match implementation {
            "filter" => &|| self.verify_by_filter(),
            "rsa" => &|| self.verify_by_rsa(),
            _ => return None,
        };
        Some((0..count).all(|_| once()))
    }

    fn verify_by_filter(&self) -> bool {
        let (verifier, jwk) = &self.by_filter;
        verifier.verify(Algorithm::Ps256, &jwk.key, &self.message, &self.signature)
    }

    fn verify_by_rsa(&self) -> bool {
        let signature = Signature::try_from(self.signature.as_slice());
        signature.is_ok_and(|signature| self.by_rsa.verify(&self.message, &signature).is_ok())
    }
}
