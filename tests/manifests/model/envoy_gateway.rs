//! `gateway.envoyproxy.io`.

use super::{Rules, at_most_one};
use crate::text::{Image, Label, Sha256, Subdomain, Variable};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `EnvoyExtensionPolicy`. <https://gateway.envoyproxy.io/docs/api/extension_types/#envoyextensionpolicy>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ExtensionPolicy {
    target_refs: Vec<TargetReference>,
    wasm: Vec<Wasm>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TargetReference {
    group: Group,
    kind: TargetKind,
    name: Subdomain,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<Subdomain>,
}

#[derive(Debug, Deserialize, Serialize)]
enum Group {
    #[serde(rename = "gateway.networking.k8s.io")]
    Gateway,
}

#[derive(Debug, Deserialize, Serialize)]
enum TargetKind {
    Gateway,
    ListenerSet,
    HTTPRoute,
    GRPCRoute,
    TCPRoute,
    UDPRoute,
    TLSRoute,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wasm {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "rootID", skip_serializing_if = "Option::is_none")]
    root_id: Option<String>,
    code: Code,
    /// The filter's own, which its own code checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_open: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<Environment>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Environment {
    host_keys: Vec<Variable>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Code {
    r#type: CodeType,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_policy: Option<PullPolicy>,
}

#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
enum CodeType {
    #[serde(rename = "HTTP")]
    Http,
    Image,
    ConfigMap,
}

#[derive(Debug, Deserialize, Serialize)]
enum PullPolicy {
    IfNotPresent,
    Always,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ImageSource {
    url: Image,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_secret_ref: Option<SecretReference>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct HttpSource {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SecretReference {
    name: Subdomain,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Label>,
}

impl Rules for ExtensionPolicy {
    fn check(&self) -> Result<(), String> {
        if self.wasm.len() > 16 {
            return Err("wasm may have 16 items".to_owned());
        }
        for Wasm { code, .. } in &self.wasm {
            let is_right = (code.r#type == CodeType::Http) == code.http.is_some()
                && (code.r#type == CodeType::Image) == code.image.is_some();
            if !is_right {
                return Err("code.type says which of its fields is set".to_owned());
            }
        }
        Ok(())
    }
}

/// `EnvoyProxy`. <https://gateway.envoyproxy.io/docs/api/extension_types/#envoyproxy>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvoyProxy {
    bootstrap: Bootstrap,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Bootstrap {
    r#type: BootstrapType,
    /// Envoy's own, which Envoy checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_patches: Option<Vec<Value>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
enum BootstrapType {
    Merge,
    Replace,
    JSONPatch,
}

impl Rules for EnvoyProxy {
    fn check(&self) -> Result<(), String> {
        let Bootstrap { r#type, value, json_patches } = &self.bootstrap;
        at_most_one("value and jsonPatches", &[value.is_some(), json_patches.is_some()])?;
        if (*r#type == BootstrapType::JSONPatch) == json_patches.is_some() {
            Ok(())
        } else {
            Err("type says whether it is value or jsonPatches".to_owned())
        }
    }
}
