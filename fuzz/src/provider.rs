//! Identity providers that mean well.

use serde_json::{Value, json};

use crate::{
    proxy::{Callout, Pairs, Response},
    signers::key_set,
};

/// What a provider answers that means well: metadata in the manner of its kind, or the keys of `signers`.
pub fn good_answer(callout: &Callout, signers: &[usize]) -> Response {
    const SUFFIX: &str = "/.well-known/openid-configuration";
    let place = format!("{}://{}", callout.scheme, callout.authority);
    let document = match callout.path.strip_suffix(SUFFIX) {
        Some(path) => metadata(&callout.authority, &place, path),
        None => key_set(signers),
    };
    Response { headers: head_of_answer(b"200"), body: document.to_string().into_bytes() }
}

/// Metadata of what lies under `path`.
fn metadata(host: &str, place: &str, path: &str) -> Value {
    let tenant = match path.split('/').nth(1).unwrap_or_default() {
        "common" | "organizations" => "{tenantid}",
        "contoso.com" | "contoso.onmicrosoft.com" => "11111111-2222-3333-4444-555555555555",
        tenant => tenant,
    };
    let issuer = if host.ends_with(".b2clogin.com") {
        format!("{place}/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/")
    } else if host.ends_with(".ciamlogin.com") {
        format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0")
    } else if host.starts_with("login.microsoftonline.") || host == "login.windows.net" {
        if path.ends_with("/v2.0") {
            format!("{place}/{tenant}/v2.0")
        } else {
            format!("https://sts.windows.net/{tenant}/")
        }
    } else {
        format!("{place}{path}")
    };
    json!({ "issuer": issuer, "jwks_uri": format!("{place}{path}/keys") })
}

/// The head of an answer with this status.
pub fn head_of_answer(status: &[u8]) -> Pairs {
    vec![
        (b":status".to_vec(), status.to_vec()),
        (b"content-type".to_vec(), b"application/json".to_vec()),
        (b"server".to_vec(), b"\xff\x01".to_vec()),
    ]
}
