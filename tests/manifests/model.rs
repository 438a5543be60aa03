//! The resources as their APIs describe them: the fields, and no others; the values of enumerations; the forms of strings; what
//! may not stand together. An object that ships nowhere is not described, and so is refused as well.
//!
//! Sources: the API references, as of summer 2026, of Istio (`extensions.istio.io/v1alpha1`, `networking.istio.io/v1` and
//! `v1alpha3`, `security.istio.io/v1`), Envoy Gateway (`gateway.envoyproxy.io/v1alpha1`), Kubernetes and kustomize.

mod envoy_gateway;
mod extensions;
mod kubernetes;
mod networking;
mod security;

use super::text::{Label, LabelValue, Subdomain};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A resource of Kubernetes, whatever its kind. Kind and version were read before.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Resource<S> {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: S,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: Subdomain,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Label>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, LabelValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// Pods by their labels, as Istio's older APIs ask for them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MatchLabels {
    match_labels: BTreeMap<String, LabelValue>,
}

/// What no field can say alone.
trait Rules {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Whether the API that the document names takes it.
pub(crate) fn check(document: &Value) -> Result<(), String> {
    let name = |member: &str| document[member].as_str().unwrap_or_default();
    match (name("apiVersion"), name("kind")) {
        ("extensions.istio.io/v1alpha1", "WasmPlugin") => of_kind::<extensions::WasmPlugin>(document),
        ("networking.istio.io/v1", "ServiceEntry") => of_kind::<networking::ServiceEntry>(document),
        ("networking.istio.io/v1", "DestinationRule") => of_kind::<networking::DestinationRule>(document),
        ("networking.istio.io/v1alpha3", "EnvoyFilter") => of_kind::<networking::EnvoyFilter>(document),
        ("security.istio.io/v1", "AuthorizationPolicy") => of_kind::<security::AuthorizationPolicy>(document),
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy") => {
            of_kind::<envoy_gateway::ExtensionPolicy>(document)
        }
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy") => of_kind::<envoy_gateway::EnvoyProxy>(document),
        ("apps/v1", "Deployment") => of_kind::<kubernetes::Deployment>(document),
        ("v1", "ConfigMap") => whole::<kubernetes::ConfigMap>(document).map(drop),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization") => {
            whole::<kubernetes::Kustomization>(document).map(drop)
        }
        (version, kind) => Err(format!("there is no {kind} in {version}")),
    }
}

fn of_kind<S: DeserializeOwned + Serialize + Rules>(document: &Value) -> Result<(), String> {
    whole::<Resource<S>>(document)?.spec.check()
}

/// Reads a document of which nothing may be lost: written again it is the same.
fn whole<T: DeserializeOwned + Serialize>(document: &Value) -> Result<T, String> {
    let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    if again == *document { Ok(read) } else { Err(format!("it was read as {again}")) }
}

fn at_most_one(what: &str, are_there: &[bool]) -> Result<(), String> {
    let count = are_there.iter().filter(|is_there| **is_there).count();
    if count > 1 { Err(format!("only one of {what} may be set")) } else { Ok(()) }
}
