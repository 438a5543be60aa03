//! The module as an OCI image: what `FROM scratch` and `COPY plugin.wasm ./` would make, without an engine.
//!
//! Istio and Envoy Gateway pull a module as an image whose last layer is a gzipped tar archive with a file `plugin.wasm` (the
//! *compat* variant of the Wasm image specification). The same module gives the same bytes, wherever and whenever it is packed:
//! nothing in the image says who built it, or when.

mod layer;
mod layout;
mod spec;

use std::{collections::BTreeMap, io};

use sha2::{Digest as _, Sha256};

use spec::{Config, Descriptor, Manifest, RootFs};

pub use layout::write;

/// Bytes that are known by their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob {
    bytes: Vec<u8>,
    /// SHA-256, in small hexadecimal digits.
    hex: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let hex = hex(&bytes);
        Self { bytes, hex }
    }

    fn descriptor(&self, media_type: &'static str) -> Descriptor {
        Descriptor {
            media_type,
            digest: digest(&self.hex),
            size: self.bytes.len(),
            annotations: BTreeMap::new(),
        }
    }
}

/// An image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    layer: Blob,
    config: Blob,
    manifest: Blob,
    version: String,
}

impl Image {
    /// Packs a module of this version.
    ///
    /// # Errors
    ///
    /// None but those of memory.
    pub fn pack(module: &[u8], version: &str) -> io::Result<Self> {
        let archive = layer::archive(module)?;
        let layer = Blob::new(layer::compress(&archive)?);
        let config = Config {
            architecture: "wasm",
            os: "wasip1",
            rootfs: RootFs { r#type: "layers", diff_ids: vec![digest(&hex(&archive))] },
        };
        let config = Blob::new(serde_json::to_vec(&config)?);
        let manifest = Manifest {
            schema_version: spec::SCHEMA_VERSION,
            media_type: spec::MANIFEST,
            config: config.descriptor(spec::CONFIG),
            layers: vec![layer.descriptor(spec::LAYER)],
            annotations: BTreeMap::from([
                ("module.wasm.image/variant", "compat".to_owned()),
                ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE").to_owned()),
                ("org.opencontainers.image.title", "validate-jwt".to_owned()),
                ("org.opencontainers.image.version", version.to_owned()),
            ]),
        };
        let manifest = Blob::new(serde_json::to_vec(&manifest)?);
        Ok(Self { layer, config, manifest, version: version.to_owned() })
    }

    /// The digest of the manifest, by which a registry knows the image: what `sha256` of a `WasmPlugin` holds.
    pub fn sha256(&self) -> &str {
        &self.manifest.hex
    }

    /// How many bytes a proxy fetches.
    pub fn size(&self) -> usize {
        [&self.layer, &self.config, &self.manifest]
            .into_iter()
            .fold(0, |size, blob| size.saturating_add(blob.bytes.len()))
    }
}

fn digest(hex: &str) -> String {
    format!("sha256:{hex}")
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
