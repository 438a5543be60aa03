//! `{{named values}}`: what API Management keeps beside a policy and puts into its text.

use std::collections::BTreeMap;

use validate_jwt::excerpt::Excerpt;

/// Named values and what they stand for. They may be secrets: `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct NamedValues(BTreeMap<String, String>);

impl std::fmt::Debug for NamedValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl NamedValues {
    /// Adds one; it goes before an earlier one of that name.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Adds those of a file: a JSON object of strings, or a `name=value` in each line, where blank lines and those that begin
    /// with `#` do not count. The error says what is wrong, and quotes no value.
    pub fn add_file(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('{') {
            // The message of the parser has the place, and could quote a value.
            let object: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| {
                format!("line {} is not a JSON object of strings, {{ \"name\": \"value\" }}", error.line())
            })?;
            self.0.extend(object);
            return Ok(());
        }
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line
                .split_once('=')
                .filter(|(name, _)| !name.trim().is_empty())
                .ok_or_else(|| format!("line {number} is not `name=value`"))?;
            self.add(name.trim(), value.trim());
        }
        Ok(())
    }

    /// Puts the values into a text, once: a value that names another is left as it is. The error has the names of those that
    /// are not there.
    pub(super) fn fill(&self, text: &str) -> Result<String, Vec<String>> {
        let (mut filled, mut missing) = (String::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let named = after.split_once("}}").map(|(name, after)| (name.trim(), after));
            let Some((name, after)) = named.filter(|(name, _)| is_name(name)) else {
                filled.push_str(before);
                filled.push_str("{{");
                rest = after;
                continue;
            };
            filled.push_str(before);
            match self.0.get(name) {
                Some(value) => filled.push_str(value),
                None => missing.push(Excerpt(name).to_string()),
            }
            rest = after;
        }
        filled.push_str(rest);
        if missing.is_empty() { Ok(filled) } else { Err(missing) }
    }
}

/// Letters, digits, `.`, `-` and `_`, as API Management allows.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_alphanumeric() || matches!(character, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(file: &str) -> Result<NamedValues, String> {
        let mut values = NamedValues::default();
        values.add_file(file).map(|()| values)
    }

    #[test]
    fn values_are_filled_in_once() {
        let values =
            values("tenant = contoso\n\n# comment\nkey=a=b\nnested={{tenant}}\nunicode-ä=1").unwrap();
        for (text, filled) in [
            ("no name", Ok("no name")),
            ("{{tenant}}", Ok("contoso")),
            ("x{{ key }}y{{tenant}}", Ok("xa=bycontoso")),
            ("{{nested}}", Ok("{{tenant}}")),
            ("{{unicode-ä}}", Ok("1")),
            ("{{other}}{{tenant}}{{more}}", Err(["other", "more"])),
            ("{{a b}}", Ok("{{a b}}")),
            ("{{", Ok("{{")),
        ] {
            let filled =
                filled.map(str::to_owned).map_err(|names: [&str; 2]| names.map(str::to_owned).to_vec());
            assert_eq!(values.fill(text), filled, "{text}");
        }
    }

    #[test]
    fn files_are_json_or_lines() {
        assert_eq!(values("\u{feff}{ \"a\": \"b=c\" }").unwrap().fill("{{a}}"), Ok("b=c".into()));
        for (file, problem) in [
            ("a=b\nsecret", "line 2 is not `name=value`"),
            ("=secret", "line 1 is not `name=value`"),
            ("{\n\"a\": 5}", "line 2 is not a JSON object of strings, { \"name\": \"value\" }"),
        ] {
            assert_eq!(values(file).unwrap_err(), problem);
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", values("name=secret").unwrap()), "{\"name\"}");
    }
}
