//! The one layer.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};

/// What Istio and Envoy Gateway look for.
const NAME: &str = "plugin.wasm";

/// A tar archive with the module in it, of nobody and of no time.
pub(crate) fn archive(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(NAME)?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(u64::try_from(module.len()).map_err(io::Error::other)?);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, module)?;
    archive.into_inner()
}

/// The same bytes for the same archive: no name, no time, no system in the header.
pub(crate) fn compress(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(archive)?;
    encoder.finish()
}
