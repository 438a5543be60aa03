//! `extensions.istio.io`.

use super::{MatchLabels, Rules, at_most_one};
use crate::text::{ModuleUrl, Sha256, Subdomain, Variable};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::num::NonZeroU16;

/// `WasmPlugin`. <https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/>
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WasmPlugin {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<MatchLabels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_refs: Option<Vec<TargetReference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#match: Option<Vec<TrafficSelector>>,
    url: ModuleUrl,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pull_policy: Option<PullPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pull_secret: Option<Subdomain>,
    /// The filter's own, which its own code checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_strategy: Option<FailStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vm_config: Option<VmConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<PluginType>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TargetReference {
    group: String,
    kind: TargetKind,
    name: Subdomain,
}

#[derive(Debug, Deserialize, Serialize)]
enum TargetKind {
    Gateway,
    GatewayClass,
    Service,
    ServiceEntry,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TrafficSelector {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Port {
    number: NonZeroU16,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Mode {
    Undefined,
    Client,
    Server,
    ClientAndServer,
}

#[derive(Debug, Deserialize, Serialize)]
pub(super) enum PullPolicy {
    #[serde(rename = "UNSPECIFIED_POLICY")]
    Unspecified,
    IfNotPresent,
    Always,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Phase {
    #[serde(rename = "UNSPECIFIED_PHASE")]
    Unspecified,
    Authn,
    Authz,
    Stats,
}

#[derive(Debug, Deserialize, Serialize)]
enum FailStrategy {
    #[serde(rename = "FAIL_CLOSE")]
    Close,
    #[serde(rename = "FAIL_OPEN")]
    Open,
    #[serde(rename = "FAIL_RELOAD")]
    Reload,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PluginType {
    #[serde(rename = "UNSPECIFIED_PLUGIN_TYPE")]
    Unspecified,
    Http,
    Network,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct VmConfig {
    env: Vec<Variables>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Variables {
    name: Variable,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_from: Option<ValueFrom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ValueFrom {
    Inline,
    Host,
}

impl Rules for WasmPlugin {
    fn check(&self) -> Result<(), String> {
        at_most_one("selector and targetRefs", &[self.selector.is_some(), self.target_refs.is_some()])?;
        let variables = self.vm_config.as_ref().map_or(&[][..], |vm| &vm.env);
        if variables.len() > 256 || self.target_refs.as_ref().is_some_and(|targets| targets.len() > 16) {
            return Err("a list is too long".to_owned());
        }
        let mut names: Vec<&Variable> = variables.iter().map(|variable| &variable.name).collect();
        names.sort();
        names.dedup();
        if names.len() != variables.len() {
            return Err("a variable is there twice".to_owned());
        }
        for variable in variables {
            if variable.value_from == Some(ValueFrom::Host) && variable.value.is_some() {
                return Err("value may only be set when valueFrom is INLINE".to_owned());
            }
        }
        Ok(())
    }
}
