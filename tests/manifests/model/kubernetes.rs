//! Kubernetes itself, and kustomize.

use super::{MatchLabels, Metadata, Rules};
use crate::text::{Image, Label, LabelValue, Subdomain, Variable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// `ConfigMap`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ConfigMap {
    api_version: String,
    kind: String,
    metadata: Metadata,
    data: BTreeMap<String, String>,
}

/// `kustomization.yaml`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Kustomization {
    api_version: String,
    kind: String,
    resources: Vec<String>,
}

/// `Deployment`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deployment {
    selector: MatchLabels,
    template: PodTemplate,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PodTemplate {
    metadata: PodMetadata,
    spec: PodSpec,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PodMetadata {
    labels: BTreeMap<String, LabelValue>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Container {
    name: Label,
    image: Image,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ports: Vec<ContainerPort>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    env: Vec<EnvironmentVariable>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ContainerPort {
    container_port: NonZeroU16,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EnvironmentVariable {
    name: Variable,
    value_from: ValueSource,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ValueSource {
    secret_key_ref: SecretKey,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SecretKey {
    name: Subdomain,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    optional: Option<bool>,
}

impl Rules for Deployment {
    fn check(&self) -> Result<(), String> {
        let labels = &self.template.metadata.labels;
        let are_right =
            self.selector.match_labels.iter().all(|(name, value)| labels.get(name) == Some(value));
        if are_right { Ok(()) } else { Err("its selector is not of its pods".to_owned()) }
    }
}
