//! `postlink INPUT OUTPUT [LIST]`: writes the module INPUT to OUTPUT with the exports that LIST names, one a line with its
//! reason, and without the code that nothing reaches then. Without LIST it keeps what the filter exports.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use validate_jwt_postlink::{Exports, trim};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let result = match arguments.as_slice() {
        [input, output] => write(input, output, &Exports::of_the_filter()),
        [input, output, list] => read(list).and_then(|list| write(input, output, &Exports::parse(&list))),
        _ => Err("usage: postlink INPUT OUTPUT [LIST]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told if standard error is gone.
            let _ignored = writeln!(io::stderr(), "postlink: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(input: &Path, output: &Path, keep: &Exports) -> Result<(), String> {
    let module = fs::read(input).map_err(|error| about(input, &error))?;
    let trimmed = trim(&module, keep).map_err(|fault| about(input, &fault))?;
    fs::write(output, trimmed).map_err(|error| about(output, &error))
}

fn read(list: &Path) -> Result<String, String> {
    fs::read_to_string(list).map_err(|error| about(list, &error))
}

fn about(path: &Path, error: &dyn Error) -> String {
    format!("{}: {error}", path.display())
}
