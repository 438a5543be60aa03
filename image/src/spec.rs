//! The documents of an image (OCI image format specification, version 1.1), with the members that this one has. Members are
//! written in this order, which is part of their digests.

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Of index and manifest.
pub(crate) const SCHEMA_VERSION: u8 = 2;

/// `oci-layout`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layout {
    pub(crate) image_layout_version: &'static str,
}

/// `index.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    pub(crate) media_type: &'static str,
    pub(crate) manifests: Vec<Descriptor>,
}

/// Which bytes are meant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: &'static str,
    pub(crate) digest: String,
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<&'static str, String>,
}

/// What an image consists of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    pub(crate) media_type: &'static str,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) annotations: BTreeMap<&'static str, String>,
}

/// What it is for. The names of system and processor are Go's, as the specification asks.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    pub(crate) architecture: &'static str,
    pub(crate) os: &'static str,
    pub(crate) rootfs: RootFs,
}

/// The layers by the digests of their archives.
#[derive(Debug, Serialize)]
pub(crate) struct RootFs {
    pub(crate) r#type: &'static str,
    pub(crate) diff_ids: Vec<String>,
}
