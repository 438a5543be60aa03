//! The page about performance: what is measured anew takes the place of what stood there.

use crate::{chart, growth, report::Report, table};
use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// The page, in which each part stands between two comments.
const PAGE: &str = "performance.md";

/// Writes a comparison: `performance.json`, the chart, and the tables in the page.
pub(crate) fn write_comparison(docs: &Path, report: &Report) -> Result<()> {
    fs::write(docs.join("performance.json"), json(report)?)?;
    fs::write(docs.join("performance.svg"), chart::render(report))?;
    replace(docs, "comparison", &table::render(report))
}

/// Writes how cost grows: `growth.json`, and the tables in the page.
pub(crate) fn write_growth(docs: &Path, growth: &growth::Growth) -> Result<()> {
    fs::write(docs.join("growth.json"), json(growth)?)?;
    replace(docs, "growth", &growth::render(growth))
}

/// Writes chart and tables from what was measured before.
pub(crate) fn render(docs: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(docs.join(name)).with_context(|| name.to_owned());
    let report: Report = serde_json::from_str(&read("performance.json")?)?;
    write_comparison(docs, &report)?;
    write_growth(docs, &serde_json::from_str(&read("growth.json")?)?)
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn replace(docs: &Path, part: &str, content: &str) -> Result<()> {
    let path = docs.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let page = with_part(&page, part, content)
        .with_context(|| format!("{}: no place for the {part}", path.display()))?;
    Ok(fs::write(path, page)?)
}

/// The page with other content between the comments of a part.
fn with_part(page: &str, part: &str, content: &str) -> Option<String> {
    let (start, end) = (format!("<!-- {part}: measured -->\n"), format!("<!-- {part}: end -->\n"));
    let (before, rest) = page.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}\n{content}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn only_the_part_is_replaced() {
        let page = "# A\n<!-- x: measured -->\nold\n<!-- x: end -->\nB\n";
        let expected = "# A\n<!-- x: measured -->\n\nnew\n\n<!-- x: end -->\nB\n";
        assert_eq!(with_part(page, "x", "new\n").unwrap(), expected);
        assert_eq!(with_part(expected, "x", "new\n").unwrap(), expected);
        assert_eq!(with_part(page, "y", "new"), None);
    }

    /// No figure of the page is typed by hand.
    #[test]
    fn the_page_says_what_was_measured() {
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let read = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
        let report: Report = serde_json::from_str(&read("performance.json")).unwrap();
        let growth: growth::Growth = serde_json::from_str(&read("growth.json")).unwrap();
        let page = read("performance.md");
        let expected = with_part(&page, "comparison", &table::render(&report)).unwrap();
        let expected = with_part(&expected, "growth", &growth::render(&growth)).unwrap();
        assert_eq!(page, expected);
        assert_eq!(read("performance.svg"), chart::render(&report));
    }
}
