//! The image on disk (OCI image layout specification, version 1.0.0).

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::Serialize;

use crate::{
    Image,
    spec::{self, Index, Layout},
};

/// The file by which a folder is known as a layout.
const MARK: &str = "oci-layout";

/// Writes the image to a folder of its own, in place of the layout that is there.
///
/// # Errors
///
/// When something else is in the folder, or the disk refuses.
pub fn write(image: &Image, folder: &Path) -> io::Result<()> {
    if folder.exists() {
        if !folder.join(MARK).exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there, and no OCI image layout"));
        }
        fs::remove_dir_all(folder)?;
    }
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs)?;
    for blob in [&image.layer, &image.config, &image.manifest] {
        fs::write(blobs.join(&blob.hex), &blob.bytes)?;
    }
    let mut manifest = image.manifest.descriptor(spec::MANIFEST);
    manifest.annotations = BTreeMap::from([("org.opencontainers.image.ref.name", image.version.clone())]);
    let index =
        Index { schema_version: spec::SCHEMA_VERSION, media_type: spec::INDEX, manifests: vec![manifest] };
    document(&folder.join("index.json"), &index)?;
    document(&folder.join(MARK), &Layout { image_layout_version: "1.0.0" })
}

fn document(path: &Path, content: &impl Serialize) -> io::Result<()> {
    fs::write(path, serde_json::to_vec(content)?)
}
