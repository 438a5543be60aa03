//! A token's first two stages: parsed but untrusted, then verified. Nothing but a good signature leads from one to the other.

use std::{borrow::Cow, fmt, ops::Range};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    algorithm::Algorithm,
    base64url::{self, Progress},
    claims::Claims,
    hint::Likeness,
    json::{Json, Object},
    rejection::{Malformed, Part},
    signature::{Verifier, VerifyingKey},
};

/// The permission to take a token that nobody signed (APIM `require-signed-tokens: false`). Only the compiler of policies
/// makes one: what checks a token cannot grant it to itself.
#[derive(Clone, Debug)]
pub struct UnsignedPermission(());

impl UnsignedPermission {
    /// The permission that the configuration gives.
    pub(crate) fn by_configuration() -> Self {
        Self(())
    }
}

/// The `alg` of a token that nobody signed (RFC 7518 §3.6).
const UNSIGNED: &str = "none";

/// A token's parts out of their base64url, of which nothing is read yet.
pub struct TokenParts<'t> {
    signing_input: &'t [u8],
    encoded_payload: Cow<'t, [u8]>,
    /// JOSE header, payload and signature, one after the other.
    decoded: Vec<u8>,
    header_end: usize,
    payload_end: usize,
    form: Form,
}

/// What the parts are of.
enum Form {
    /// A compact JWS.
    Jws,
    /// Claims that an encrypted token held by themselves, with the `typ` of that.
    Claims(Option<String>),
}

impl<'t> TokenParts<'t> {
    /// Takes a compact JWS (RFC 7515 §3.1) apart: exactly three parts, each canonical base64url.
    ///
    /// Its length is the caller's to limit, before anything is read of it.
    pub fn decode(text: &'t [u8]) -> Result<Self, Malformed> {
        Self::decode_at_once(text).map_or_else(|| Self::decode_apart(text), Ok)
    }

    /// In one go over the text; `None` when something is wrong.
    fn decode_at_once(text: &'t [u8]) -> Option<Self> {
        let mut decoded = vec![0; text.len()];
        let mut decode = |text: &[u8], start: usize| {
            let Progress { read, written } = base64url::decode_prefix(text, decoded.get_mut(start..)?)?;
            Some((read, start.checked_add(written)?))
        };
        let (header, header_end) = decode(text, 0)?;
        let rest = text.get(header..)?.strip_prefix(b".")?;
        let (payload, payload_end) = decode(rest, header_end)?;
        let (encoded_payload, rest) = rest.split_at_checked(payload)?;
        let encoded_signature = rest.strip_prefix(b".")?;
        let (signature, end) = decode(encoded_signature, payload_end)?;
        if signature != encoded_signature.len() {
            return None;
        }
        decoded.truncate(end);
        let signing_input = text.get(..header.checked_add(1)?.checked_add(payload)?)?;
        let encoded_payload = Cow::Borrowed(encoded_payload);
        Some(Self { signing_input, encoded_payload, decoded, header_end, payload_end, form: Form::Jws })
    }

    /// Part by part, which tells what is wrong.
    fn decode_apart(text: &'t [u8]) -> Result<Self, Malformed> {
        let mut dots = memchr::memchr_iter(b'.', text);
        let (first, second) = match (dots.next(), dots.next(), dots.count()) {
            (Some(first), Some(second), 0) => (first, second),
            (_, Some(_), 2) => return Err(Malformed::Encrypted),
            _ => return Err(Malformed::PartCount),
        };
        let part = |range: Range<usize>| text.get(range).ok_or(Malformed::PartCount);
        let header = part(0..first)?;
        let encoded_payload = part(first.saturating_add(1)..second)?;
        let signature = part(second.saturating_add(1)..text.len())?;
        let signing_input = part(0..second)?;
        let mut decoded = Vec::with_capacity(text.len());
        decode(header, Part::Header, &mut decoded)?;
        let header_end = decoded.len();
        decode(encoded_payload, Part::Payload, &mut decoded)?;
        let payload_end = decoded.len();
        decode(signature, Part::Signature, &mut decoded)?;
        let encoded_payload = Cow::Borrowed(encoded_payload);
        Ok(Self { signing_input, encoded_payload, decoded, header_end, payload_end, form: Form::Jws })
    }

    /// The claims that an encrypted token held by themselves, unsigned, as if their JOSE header had `alg` `none`; `token_type`
    /// is the `typ` of the encrypted token.
    pub fn of_claims(claims: &[u8], token_type: Option<String>) -> Self {
        Self {
            signing_input: &[],
            encoded_payload: Cow::Owned(URL_SAFE_NO_PAD.encode(claims).into_bytes()),
            decoded: claims.to_vec(),
            header_end: 0,
            payload_end: claims.len(),
            form: Form::Claims(token_type),
        }
    }

    fn header(&self) -> &[u8] {
        self.decoded.get(..self.header_end).unwrap_or_default()
    }

    fn payload(&self) -> &[u8] {
        self.decoded.get(self.header_end..self.payload_end).unwrap_or_default()
    }

    fn signature(&self) -> &[u8] {
        self.decoded.get(self.payload_end..).unwrap_or_default()
    }
}

/// A compact JWS (RFC 7515 §3.1) with a JWT in it, parsed strictly, of which nothing may be believed yet.
///
/// Its claims cannot be read, but for `iss` and `tid`, which choose the keys that may vouch for it.
pub struct UntrustedToken<'t> {
    parts: &'t TokenParts<'t>,
    header: JoseHeader<'t>,
    claims: Claims<'t>,
}

/// What the filter uses of a JOSE header (RFC 7515 §4.1). `jku`, `jwk`, `x5u` and `x5c` are never looked at: a token does not
/// bring its own keys.
#[derive(Clone, PartialEq, Eq)]
pub struct JoseHeader<'t> {
    /// `alg`, as it is written.
    pub algorithm_name: Cow<'t, str>,
    /// `kid`; an empty one counts as absent.
    pub key_id: Option<Cow<'t, str>>,
    /// `x5t`; an empty one counts as absent.
    pub thumbprint: Option<Cow<'t, str>>,
    /// `typ`
    pub token_type: Option<Cow<'t, str>>,
    /// Whether `nonce` is there, as it is in tokens for Microsoft Graph, which nobody else can verify.
    pub has_nonce: bool,
}

impl<'t> UntrustedToken<'t> {
    /// Parses header and payload: JSON objects without duplicate members, no `crit`.
    pub fn parse(parts: &'t TokenParts<'t>) -> Result<Self, Malformed> {
        let header = match &parts.form {
            Form::Jws => JoseHeader::parse(&object(parts.header(), Part::Header)?)?,
            Form::Claims(token_type) => JoseHeader::of_claims(token_type.as_deref()),
        };
        let claims = Claims::parse(object(parts.payload(), Part::Payload)?)?;
        Ok(Self { parts, header, claims })
    }

    /// The JOSE header.
    pub fn header(&self) -> &JoseHeader<'t> {
        &self.header
    }

    /// The `iss` that the token claims: good for choosing keys, for nothing else.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.issuer()
    }

    /// The `tid` that the token claims: good for choosing keys, for nothing else.
    pub fn claimed_tenant(&self) -> Option<&str> {
        self.claims.tenant()
    }

    /// What its claims look like: good for a hint in the log, for nothing else.
    pub fn likeness(&self) -> Likeness {
        Likeness::of(&self.claims)
    }

    /// Everything that it claims: for who asks why it is refused, and for nothing that decides.
    pub fn claimed(&self) -> Claimed<'_> {
        Claimed { claims: &self.claims }
    }

    /// The token as one that may be believed, when `key` verifies its signature under `algorithm`.
    pub fn verify(
        &self,
        verifier: &Verifier,
        algorithm: Algorithm,
        key: &VerifyingKey,
    ) -> Option<VerifiedToken<'_>> {
        verifier
            .verify(algorithm, key, self.parts.signing_input, self.parts.signature())
            .then_some(VerifiedToken { token: self })
    }

    /// Whether it says that nobody signed it (RFC 7518 §3.6).
    pub fn is_unsigned(&self) -> bool {
        self.header.algorithm_name == UNSIGNED
    }

    /// The token as one that may be believed although nobody signed it: `alg` is `none`, the signature is empty, and the
    /// configuration permits it.
    pub fn admit_unsigned(&self, _permission: &UnsignedPermission) -> Option<VerifiedToken<'_>> {
        (self.is_unsigned() && self.parts.signature().is_empty()).then_some(VerifiedToken { token: self })
    }
}

/// A token that may be believed: its signature was verified, or the configuration permits unsigned ones. Only
/// [`UntrustedToken::verify`] and [`UntrustedToken::admit_unsigned`] make one.
#[derive(Clone, Copy)]
pub struct VerifiedToken<'u> {
    token: &'u UntrustedToken<'u>,
}

impl<'u> VerifiedToken<'u> {
    /// The claims.
    pub fn claims(&self) -> &'u Claims<'u> {
        &self.token.claims
    }

    /// The payload's bytes as they were signed: the claims as JSON.
    pub fn payload(&self) -> &'u [u8] {
        self.token.parts.payload()
    }

    /// The payload as it stands in the token, in base64url.
    pub fn encoded_payload(&self) -> &'u [u8] {
        &self.token.parts.encoded_payload
    }
}

/// What a token claims that nobody verified. No decision takes it: only [`VerifiedToken`] leads to one.
#[derive(Clone, Copy)]
pub struct Claimed<'u> {
    claims: &'u Claims<'u>,
}

impl<'u> Claimed<'u> {
    /// The claims, as the token has them.
    pub fn claims(self) -> &'u Claims<'u> {
        self.claims
    }
}

impl<'t> JoseHeader<'t> {
    fn parse(members: &Object<'t>) -> Result<Self, Malformed> {
        let b64_is_default = matches!(members.get("b64"), None | Some(Json::Bool(true)));
        if members.contains_key("crit") || !b64_is_default {
            return Err(Malformed::Critical);
        }
        Ok(Self {
            algorithm_name: text(members, "alg")?.ok_or(Malformed::NoAlgorithm)?,
            key_id: text(members, "kid")?.filter(|key_id| !key_id.is_empty()),
            thumbprint: text(members, "x5t")?.filter(|thumbprint| !thumbprint.is_empty()),
            token_type: text(members, "typ")?,
            has_nonce: members.contains_key("nonce"),
        })
    }

    /// What stands in for the header of claims that have none.
    fn of_claims(token_type: Option<&'t str>) -> Self {
        Self {
            algorithm_name: Cow::Borrowed(UNSIGNED),
            key_id: None,
            thumbprint: None,
            token_type: token_type.map(Cow::Borrowed),
            has_nonce: false,
        }
    }
}

fn text<'t>(members: &Object<'t>, member: &'static str) -> Result<Option<Cow<'t, str>>, Malformed> {
    match members.get(member) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
            Err(Malformed::MemberType { member, expected: "a string" })
        }
    }
}

fn object(bytes: &[u8], part: Part) -> Result<Object<'_>, Malformed> {
    let json = Json::parse(bytes).map_err(|error| Malformed::Json(part, error))?;
    json.into_object().ok_or(Malformed::NotAnObject(part))
}

/// RFC 7515 §2: no padding, no white space; the engine also refuses a last character with stray bits, so that every part has
/// one spelling only.
fn decode(encoded: &[u8], part: Part, decoded: &mut Vec<u8>) -> Result<(), Malformed> {
    URL_SAFE_NO_PAD.decode_vec(encoded, decoded).map_err(|_| Malformed::Base64Url(part))
}

// What a token holds must not reach a log by way of `{:?}`.

impl fmt::Debug for TokenParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenParts(…)")
    }
}

impl fmt::Debug for UntrustedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedToken(…)")
    }
}

impl fmt::Debug for JoseHeader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoseHeader(…)")
    }
}

impl fmt::Debug for Claimed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claimed(…)")
    }
}

impl fmt::Debug for VerifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{JsonError, MAX_DEPTH};

    fn encode(text: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", encode(header), encode(payload), encode("signature"))
    }

    fn refused(text: &[u8]) -> Option<Malformed> {
        TokenParts::decode(text).and_then(|parts| UntrustedToken::parse(&parts).map(drop)).err()
    }

    fn fault(text: &str) -> Malformed {
        refused(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_well_formed_token_is_read() {
        let text = token(r#"{"alg":"RS256","kid":"k","x5t":"t"}"#, r#"{"iss":"i","tid":"t"}"#);
        let parts = TokenParts::decode(text.as_bytes()).unwrap();
        let parsed = UntrustedToken::parse(&parts).unwrap();
        assert_eq!(parsed.header().algorithm_name, "RS256");
        assert_eq!(parsed.header().key_id.as_deref(), Some("k"));
        assert_eq!(parsed.header().thumbprint.as_deref(), Some("t"));
        assert_eq!(parsed.claimed_issuer(), Some("i"));
        assert_eq!(parsed.claimed_tenant(), Some("t"));
        assert_eq!(parts.signing_input, text.rsplit_once('.').unwrap().0.as_bytes());
        assert_eq!(parts.signature(), b"signature");
        let verified = VerifiedToken { token: &parsed };
        assert_eq!(verified.payload(), br#"{"iss":"i","tid":"t"}"#);
        assert_eq!(verified.encoded_payload(), text.split('.').nth(1).unwrap().as_bytes());
    }

    #[test]
    fn structure_is_three_parts_of_canonical_base64url() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        let (header, payload) = (encode(r#"{"alg":"RS256"}"#), encode("{}"));
        let cases = [
            (String::new(), Malformed::PartCount),
            ("a".into(), Malformed::PartCount),
            ("a.b".into(), Malformed::PartCount),
            (format!("{good}."), Malformed::PartCount),
            ("a.b.c.d.e".into(), Malformed::Encrypted),
            ("a.b.c.d.e.f".into(), Malformed::PartCount),
            (format!(".{good}"), Malformed::PartCount),
            (format!("{header}=.{payload}.c2ln"), Malformed::Base64Url(Part::Header)),
            (format!("{header}.{payload} .c2ln"), Malformed::Base64Url(Part::Payload)),
            (format!("{header}.{payload}.c2+n"), Malformed::Base64Url(Part::Signature)),
            (format!("{header}.{payload}.c2lnbb"), Malformed::Base64Url(Part::Signature)),
            (format!("{header}.{payload}.c2lnb"), Malformed::Base64Url(Part::Signature)),
            (format!("{header}.{payload}.c2ln\n"), Malformed::Base64Url(Part::Signature)),
            (format!("\"{good}\""), Malformed::Base64Url(Part::Header)),
            ("..".into(), Malformed::Json(Part::Header, JsonError::Syntax { line: 1, column: 0 })),
        ];
        for (text, expected) in cases {
            assert_eq!(fault(&text), expected, "{text:.80}");
        }
        assert_eq!(
            refused(b"\xff.\xfe.\xfd"),
            Some(Malformed::Base64Url(Part::Header)),
            "bytes that are not text"
        );
    }

    #[test]
    fn an_unsigned_token_is_admitted_by_permission_and_only_as_such() {
        let permission = UnsignedPermission::by_configuration();
        for (alg, signature, expected) in [
            ("none", "", true),
            ("none", "c2ln", false),
            ("None", "", false),
            ("NONE", "", false),
            ("", "", false),
            ("HS256", "", false),
        ] {
            let text = format!("{}.{}.{signature}", encode(format!(r#"{{"alg":"{alg}"}}"#)), encode("{}"));
            let parts = TokenParts::decode(text.as_bytes()).unwrap();
            let token = UntrustedToken::parse(&parts).unwrap();
            assert_eq!(token.admit_unsigned(&permission).is_some(), expected, "{alg} {signature}");
        }
        let parts = TokenParts::of_claims(br#"{"iss":"i"}"#, Some("JWT".into()));
        let claims = UntrustedToken::parse(&parts).unwrap();
        assert_eq!(claims.header().token_type.as_deref(), Some("JWT"));
        assert_eq!(claims.admit_unsigned(&permission).unwrap().claims().issuer(), Some("i"));
        assert_eq!(
            UntrustedToken::parse(&TokenParts::of_claims(b"[]", None)).unwrap_err(),
            Malformed::NotAnObject(Part::Payload)
        );
    }

    #[test]
    fn header_and_payload_are_strict_objects() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(8000), "]".repeat(8000));
        let alg = r#"{"alg":"RS256"}"#;
        let string = |member| Malformed::MemberType { member, expected: "a string" };
        let cases = [
            ("[]", "{}", Malformed::NotAnObject(Part::Header)),
            (alg, "\"text\"", Malformed::NotAnObject(Part::Payload)),
            ("{}", "{}", Malformed::NoAlgorithm),
            (r#"{"alg":1}"#, "{}", string("alg")),
            (r#"{"alg":null}"#, "{}", string("alg")),
            (r#"{"alg":"RS256","kid":1}"#, "{}", string("kid")),
            (r#"{"alg":"RS256","x5t":{}}"#, "{}", string("x5t")),
            (r#"{"alg":"RS256","typ":1}"#, "{}", string("typ")),
            (r#"{"alg":"RS256","crit":["exp"]}"#, "{}", Malformed::Critical),
            (r#"{"alg":"RS256","crit":[]}"#, "{}", Malformed::Critical),
            (r#"{"alg":"RS256","crit":null}"#, "{}", Malformed::Critical),
            (r#"{"alg":"RS256","b64":false}"#, "{}", Malformed::Critical),
            (
                r#"{"alg":"RS256","alg":"none"}"#,
                "{}",
                Malformed::Json(Part::Header, JsonError::DuplicateMember { path: "alg".into() }),
            ),
            (
                alg,
                r#"{"a":{"aud":1,"aud":2}}"#,
                Malformed::Json(Part::Payload, JsonError::DuplicateMember { path: "a.aud".into() }),
            ),
            (alg, deep.as_str(), Malformed::Json(Part::Payload, JsonError::TooDeep)),
            (deep.as_str(), "{}", Malformed::Json(Part::Header, JsonError::TooDeep)),
        ];
        for (header, payload, expected) in cases {
            assert_eq!(fault(&token(header, payload)), expected, "{header:.60} {payload:.60}");
        }
        let nested = format!(r#"{{"a":{}{}}}"#, "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        assert_eq!(refused(token(alg, &nested).as_bytes()), None);
    }

    #[test]
    fn an_empty_key_id_counts_as_absent() {
        let text = token(r#"{"alg":"RS256","kid":"","x5t":"","b64":true}"#, "{}");
        let parts = TokenParts::decode(text.as_bytes()).unwrap();
        let parsed = UntrustedToken::parse(&parts).unwrap();
        assert_eq!((parsed.header().key_id.as_deref(), parsed.header().thumbprint.as_deref()), (None, None));
    }

    #[test]
    fn debug_shows_nothing_of_a_token() {
        let text = token(r#"{"alg":"RS256","kid":"secret"}"#, r#"{"sub":"secret"}"#);
        let parts = TokenParts::decode(text.as_bytes()).unwrap();
        let parsed = UntrustedToken::parse(&parts).unwrap();
        let shown = format!("{parts:?} {parsed:?} {:?}", parsed.header());
        assert_eq!(shown, "TokenParts(…) UntrustedToken(…) JoseHeader(…)");
    }

    #[test]
    fn at_once_and_apart_are_the_same() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap() % below
        };
        let mut good = 0;
        for _ in 0..400_000 {
            let length = random(60);
            let mut text: Vec<u8> = (0..length).map(|_| b"AQgwBCxyz019-_"[random(14)]).collect();
            for _ in 0..random(6) {
                if length > 0 {
                    text[random(length)] = b"....=,A \xff"[random(9)];
                }
            }
            let apart = TokenParts::decode_apart(&text);
            let at_once = TokenParts::decode_at_once(&text);
            match (&at_once, &apart) {
                (None, Err(_)) => {}
                (Some(one), Ok(other)) => {
                    good += 1;
                    assert_eq!(
                        (
                            one.header(),
                            one.payload(),
                            one.signature(),
                            one.signing_input,
                            &one.encoded_payload
                        ),
                        (
                            other.header(),
                            other.payload(),
                            other.signature(),
                            other.signing_input,
                            &other.encoded_payload
                        ),
                    );
                }
                _ => panic!("{}", text.escape_ascii()),
            }
        }
        assert!(good > 1000, "{good}");
    }
}
