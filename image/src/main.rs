//! `image MODULE FOLDER`: writes the module as an OCI image layout, and tells the digest for `sha256` of a `WasmPlugin`.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use validate_jwt_image::{Image, write};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let result = match arguments.as_slice() {
        [module, folder] => pack(module, folder),
        _ => Err("usage: image MODULE FOLDER".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told if standard error is gone.
            let _ignored = writeln!(io::stderr(), "image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pack(module: &Path, folder: &Path) -> Result<(), String> {
    let bytes = fs::read(module).map_err(|error| about(module, &error))?;
    let image = Image::pack(&bytes, env!("CARGO_PKG_VERSION")).map_err(|error| about(module, &error))?;
    write(&image, folder).map_err(|error| about(folder, &error))?;
    let told = writeln!(
        io::stdout(),
        "{}: {} bytes, image sha256 {}",
        folder.display(),
        image.size(),
        image.sha256()
    );
    told.map_err(|error| error.to_string())
}

fn about(path: &Path, error: &dyn Error) -> String {
    format!("{}: {error}", path.display())
}
