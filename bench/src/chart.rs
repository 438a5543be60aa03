//! A chart of what a request costs, as SVG.

use crate::{
    contestant::{Contestant, Load},
    report::{Cell, Report},
    table::{counted, microseconds},
    tokens::Algorithm,
};
use std::fmt::Write as _;

/// What has a panel of its own, each with its own scale.
const PANELS: [(Algorithm, Load, &str); 4] = [
    (Algorithm::Rs256, Load::Hot, "One token over and over (RS256)"),
    (Algorithm::Rs256, Load::Cold, "RS256, a new token each time"),
    (Algorithm::Es256, Load::Cold, "ES256, a new token each time"),
    (Algorithm::Ps256, Load::Cold, "PS256, a new token each time"),
];

const WIDTH: u32 = 760;
const PANEL: u32 = 172;
const TOP: u32 = 34;
const LEFT: u32 = 180;
const LONGEST_BAR: f64 = 400.0;

/// The chart of a report.
pub(crate) fn render(report: &Report) -> String {
    let unit = if report.cells.iter().any(|cell| cell.added.instructions.is_some()) {
        "instructions in user space that a request adds"
    } else {
        "time of the processor that a request adds, in µs"
    };
    let height = TOP.saturating_add(PANEL.saturating_mul(4));
    let mut svg = String::new();
    // Text can be read on light and on dark pages.
    push(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">\n"
        ),
    );
    text(&mut svg, 8, 20, "font-size=\"14\" font-weight=\"bold\"", &format!("Envoy's worker: {unit}"));
    let mut y = TOP;
    for (algorithm, load, title) in PANELS {
        panel(&mut svg, report, (algorithm, load, title), y);
        y = y.saturating_add(PANEL);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, report: &Report, (algorithm, load, title): (Algorithm, Load, &str), top: u32) {
    let cells: Vec<&Cell> = (Contestant::ALL.into_iter())
        .filter(|contestant| *contestant != Contestant::Plain)
        .filter_map(|contestant| report.cell(contestant, algorithm, load))
        .collect();
    let value = |cell: &Cell| cell.added.primary().map_or(0.0, |figure| figure.median.max(0.0));
    let largest = cells.iter().map(|cell| value(cell)).fold(f64::MIN_POSITIVE, f64::max);
    text(svg, 8, top.saturating_add(20), "font-weight=\"bold\"", title);
    let mut y = top.saturating_add(30);
    for cell in cells {
        let length = value(cell) / largest * LONGEST_BAR;
        let colour = match cell.contestant {
            Contestant::Filter => "#0a7cba",
            Contestant::JwtAuthn | Contestant::JwtAuthnCache => "#c9761a",
            Contestant::ExtAuthz => "#8a63a8",
            Contestant::Plain | Contestant::EmptyWasm | Contestant::HeaderWasm => "#9aa5ab",
        };
        let baseline = y.saturating_add(13);
        text(svg, 8, baseline, "", cell.contestant.label());
        push(
            svg,
            format_args!(
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>\n"
            ),
        );
        let figure = match (cell.added.instructions, cell.added.nanoseconds) {
            (Some(figure), _) => counted(figure),
            (None, Some(figure)) => microseconds(figure),
            (None, None) => String::new(),
        };
        let after = f64::from(LEFT) + length + 6.0;
        push(svg, format_args!("<text x=\"{after:.1}\" y=\"{baseline}\">{}</text>\n", escaped(&figure)));
        y = y.saturating_add(21);
    }
}

fn text(svg: &mut String, x: u32, y: u32, attributes: &str, content: &str) {
    let content = escaped(content);
    push(svg, format_args!("<text x=\"{x}\" y=\"{y}\" {attributes}>{content}</text>\n"));
}

fn push(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _done = svg.write_fmt(arguments);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{meter::Method, report::tests::report};

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let svg = render(&report(Method::Hardware));
        assert_eq!(svg.matches("<rect").count(), 4 * 6);
        assert_eq!(svg.matches("width=\"400.0\"").count(), 4, "the longest of each panel: {svg}");
        assert_eq!(svg.matches("width=\"100.0\"").count(), 4, "a quarter of it");
        assert!(svg.contains("50,000 ± 1.0 %") && svg.contains("instructions in user space"));
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn without_counts_it_shows_time() {
        let svg = render(&report(Method::CpuTime));
        assert!(svg.contains("time of the processor") && svg.contains(">50.0 ± 1.0 %<"), "{svg}");
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escaped("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
    }
}
