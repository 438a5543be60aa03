//! What a shell and a reader of manuals get of the commands: made of the same words as `--help`.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The script that completes the words of `command` in `shell`.
pub fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of `command`, or of one of its commands, in roff. Fails when there is none of that name.
pub fn man(mut command: Command, name: Option<&str>) -> Result<String, String> {
    command.build();
    let page = match name {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            let found = found.ok_or_else(|| format!("there is no command `{}`", name.escape_default()))?;
            // As the page is called under which `man` finds it.
            let title = format!("{}-{name}", command.get_name());
            found.display_name(title)
        }
    };
    let mut roff = Vec::new();
    Man::new(page).render(&mut roff).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&roff).into_owned())
}
