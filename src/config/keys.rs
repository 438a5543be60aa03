//! Keys that the configuration itself holds: `certificates`, `issuer-signing-keys`, `decryption-keys`.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    ConfigError, Environment,
    reader::{Members, Node},
};
use crate::{
    certificate::{Certificate, PrivateKey},
    jwe::DecryptionKey,
    jwk::Jwk,
    signature::{PublicKey, SymmetricKey, VerifyingKey},
};

/// The most `issuer-signing-keys`, and the most `decryption-keys`: all of them may be tried.
pub(super) const MAX_INLINE_KEYS: usize = 16;

/// A member of `certificates`.
#[derive(Debug)]
pub(super) struct WrittenCertificate {
    pub(super) certificate: Option<Certificate>,
    private_key: Option<PrivateKey>,
}

/// What keys may refer to.
#[derive(Clone, Copy)]
pub(super) struct KeySources<'s> {
    pub(super) environment: Environment<'s>,
    pub(super) certificates: &'s BTreeMap<String, WrittenCertificate>,
}

pub(super) fn read_certificates(
    node: &Node<'_>,
    environment: Environment<'_>,
) -> Result<BTreeMap<String, WrittenCertificate>, ConfigError> {
    let mut certificates = BTreeMap::new();
    for (name, entry) in node.entries()? {
        certificates.insert(name.to_owned(), read_certificate(&entry, environment)?);
    }
    Ok(certificates)
}

fn read_certificate(
    node: &Node<'_>,
    environment: Environment<'_>,
) -> Result<WrittenCertificate, ConfigError> {
    let members = node.members(&["certificate", "private-key", "private-key-from-env"], &[])?;
    let certificate = members.read("certificate", |node| {
        Certificate::parse(node.text()?).map_err(|error| node.error(error.to_string()))
    })?;
    let private_key = read_secret(&members, "private-key", environment)?
        .map(|(node, text)| {
            PrivateKey::parse(&text, certificate.as_ref()).map_err(|error| node.error(error.to_string()))
        })
        .transpose()?;
    if certificate.is_none() && private_key.is_none() {
        return Err(node.error("is empty; expected `certificate` (PEM), `private-key` (PEM) or both"));
    }
    Ok(WrittenCertificate { certificate, private_key })
}

pub(super) fn read_signing_keys(
    members: &Members<'_>,
    sources: KeySources<'_>,
) -> Result<Vec<Jwk>, ConfigError> {
    read_keys(members, "issuer-signing-keys", |node| read_signing_key(node, sources))
}

/// `decryption-keys`; a policy that takes certificates alone has `only_certificates`.
pub(super) fn read_decryption_keys(
    members: &Members<'_>,
    sources: KeySources<'_>,
    only_certificates: bool,
) -> Result<Vec<DecryptionKey>, ConfigError> {
    read_keys(members, "decryption-keys", |node| read_decryption_key(node, sources, only_certificates))
}

fn read_keys<K>(
    members: &Members<'_>,
    name: &str,
    read: impl Fn(&Node<'_>) -> Result<K, ConfigError>,
) -> Result<Vec<K>, ConfigError> {
    let Some(node) = members.get(name) else {
        return Ok(Vec::new());
    };
    let elements = node.list(r#"[ { "value": "…" } ]"#)?;
    if elements.len() > MAX_INLINE_KEYS {
        return Err(node.error(format!("has more than {MAX_INLINE_KEYS} keys")));
    }
    elements.iter().map(read).collect()
}

fn read_signing_key(node: &Node<'_>, sources: KeySources<'_>) -> Result<Jwk, ConfigError> {
    let names = ["id", "value", "value-from-env", "n", "e", "jwk", "certificate-id"];
    let members = node.members(&names, &[])?;
    let id = read_id(&members)?;
    let kinds = [
        members.get("value").or_else(|| members.get("value-from-env")),
        members.get("n").or_else(|| members.get("e")),
        members.get("jwk"),
        members.get("certificate-id"),
    ];
    if kinds.iter().flatten().count() != 1 {
        return Err(node.error(
            "expected one of `value` or `value-from-env` (Base64 secret), `n` with `e` (RSA), `jwk` and `certificate-id`",
        ));
    }
    if let Some(jwk) = members.get("jwk") {
        return read_jwk(&jwk, id);
    }
    if let Some(reference) = members.get("certificate-id") {
        let Some(certificate) = &certificate(&reference, sources)?.certificate else {
            return Err(reference.error("has no `certificate`, whose public key is needed here"));
        };
        let thumbprint = Some(certificate.thumbprints().x5t().to_owned());
        let key = VerifyingKey::Public(certificate.public_key().clone());
        return Ok(Jwk { key_id: id, thumbprint, algorithm: None, issuer: None, key });
    }
    let key = if let Some((node, text)) = read_secret(&members, "value", sources.environment)? {
        VerifyingKey::Symmetric(read_hmac_secret(&node, &text)?)
    } else {
        let decode = |name| {
            let node = members.require(name)?;
            decode_base64(&node, node.text()?)
        };
        let key = PublicKey::rsa(&decode("n")?, &decode("e")?);
        VerifyingKey::Public(key.map_err(|fault| node.error(format!("unusable key: {fault}")))?)
    };
    Ok(Jwk { key_id: id, thumbprint: None, algorithm: None, issuer: None, key })
}

fn read_decryption_key(
    node: &Node<'_>,
    sources: KeySources<'_>,
    only_certificates: bool,
) -> Result<DecryptionKey, ConfigError> {
    const NOT_HERE: &str =
        "`validate-azure-ad-token` decrypts with certificates alone, as in APIM; use `certificate-id`";
    let members = if only_certificates {
        node.members(&["id", "certificate-id"], &[("value", NOT_HERE), ("value-from-env", NOT_HERE)])?
    } else {
        node.members(&["id", "value", "value-from-env", "certificate-id"], &[])?
    };
    let id = read_id(&members)?;
    match (members.get("certificate-id"), read_secret(&members, "value", sources.environment)?) {
        (Some(reference), None) => {
            let written = certificate(&reference, sources)?;
            let Some(private_key) = &written.private_key else {
                return Err(reference.error(
                    "has no private key, which decrypts; add `private-key` or `private-key-from-env` to the certificate",
                ));
            };
            let thumbprints =
                written.certificate.as_ref().map(|certificate| certificate.thumbprints().clone());
            Ok(DecryptionKey::rsa(id, thumbprints, private_key.clone()))
        }
        (None, Some((node, text))) => {
            let secret = decode_base64(&node, &text)?;
            DecryptionKey::symmetric(id, secret).map_err(|fault| node.error(fault.to_string()))
        }
        (Some(_), Some(_)) | (None, None) if only_certificates => {
            Err(node.error("names no certificate; add `certificate-id`"))
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(node
                .error("expected one of `value` or `value-from-env` (Base64 secret) and `certificate-id`"))
        }
    }
}

fn certificate<'s>(
    reference: &Node<'_>,
    sources: KeySources<'s>,
) -> Result<&'s WrittenCertificate, ConfigError> {
    let name = reference.text()?;
    sources.certificates.get(name).ok_or_else(|| {
        reference.error(
            "is not a member of `certificates`; add it there, at the top level, as \
             `{ \"certificate\": \"-----BEGIN CERTIFICATE-----…\" }`",
        )
    })
}

fn read_id(members: &Members<'_>) -> Result<Option<String>, ConfigError> {
    members.read("id", |node| node.text().map(str::to_owned))
}

/// The text of a secret: the member `name`, or the environment variable that its twin `name-from-env` names.
fn read_secret<'j>(
    members: &Members<'j>,
    name: &str,
    environment: Environment<'_>,
) -> Result<Option<(Node<'j>, Cow<'j, str>)>, ConfigError> {
    let twin = format!("{name}-from-env");
    match (members.get(name), members.get(&twin)) {
        (Some(_), Some(twin)) => Err(twin.error(format!("stands beside `{name}`; give the secret once"))),
        (Some(node), None) => {
            let text = Cow::Borrowed(node.text()?);
            Ok(Some((node, text)))
        }
        (None, Some(node)) => {
            let variable = node.text()?;
            let text = environment(variable).filter(|text| !text.is_empty()).ok_or_else(|| {
                node.error(
                    "names an environment variable that is not set, or empty, in the filter's VM; pass it on by \
                     `vm_config.environment_variables` (Istio: `vmConfig.env`)",
                )
            })?;
            Ok(Some((node, Cow::Owned(text))))
        }
        (None, None) => Ok(None),
    }
}

fn read_jwk(node: &Node<'_>, id: Option<String>) -> Result<Jwk, ConfigError> {
    let members = node.object("the members of a public key (RFC 7517)")?;
    if members.contains_key("keys") {
        return Err(node.error("is a key set; expected one key of it"));
    }
    if members.contains_key("k") {
        return Err(node.error("is a secret; write it as `value`, in Base64"));
    }
    if members.contains_key("d") {
        return Err(
            node.error("is a private key; leave its private members out, only the public ones are needed")
        );
    }
    let key = Jwk::parse(members).map_err(|error| node.error(format!("unusable key: {error}")))?;
    Ok(Jwk { key_id: id.or(key.key_id), ..key })
}

fn read_hmac_secret(node: &Node<'_>, text: &str) -> Result<SymmetricKey, ConfigError> {
    let is_certificate =
        "is a certificate or a public key, not a secret; use `certificate-id`, `n` with `e`, or `jwk`";
    if text.contains("-----BEGIN") {
        return Err(node.error(is_certificate));
    }
    let secret = decode_base64(node, text)?;
    // As an HMAC key it would be a secret that everybody knows.
    if is_der_sequence(&secret) || secret.starts_with(b"-----BEGIN") {
        return Err(node.error(is_certificate));
    }
    SymmetricKey::new(secret).map_err(|fault| node.error(fault.to_string()))
}

/// Whether these bytes are one whole ASN.1 sequence, as certificates and public keys are: a tag, the length of the rest, the
/// rest.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let length = match bytes {
        [0x30, short, rest @ ..] if *short < 0x80 => Some((usize::from(*short), rest.len())),
        [0x30, 0x81, length, rest @ ..] => Some((usize::from(*length), rest.len())),
        [0x30, 0x82, high, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest.len()))
        }
        _ => None,
    };
    length.is_some_and(|(said, found)| said == found)
}

/// Base64 of either alphabet, with or without padding. The text is a secret: no message quotes it.
fn decode_base64(node: &Node<'_>, text: &str) -> Result<Vec<u8>, ConfigError> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, ANY_PADDING)
        .decode(text)
        .map_err(|_| node.error("is not Base64 (white space and line breaks are not part of it)"))
}
